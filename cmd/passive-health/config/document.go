package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds a configuration file: a million hosts, a line each, take 24 MiB. Reading takes a hundred times as much
// memory where a file is all commas, so that a wrong path, given more, could end the service.
const maxFile = 32 << 20

// Load reads the file at path. A file that is there and wrong gives Faults.
func Load(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// read returns a file's content, of one that is too large its beginning: enough to say that it is.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}

// hash returns the SHA-256 of a file's content in hexadecimal.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Parse reads a configuration; name stands for the file in faults. The error is Faults.
func Parse(name string, data []byte) (*Config, error) {
	root, fault := document(data)
	if fault != nil {
		fault.File = name
		return nil, Faults{*fault}
	}
	d := &decoder{file: name}
	c := Default()
	c.Text, c.Hash = data, hash(data)
	if d.isPlain(root, "") {
		d.root(root, &c)
	}
	if len(d.faults) > 0 {
		return nil, d.all()
	}
	return &c, nil
}

// document returns the file's one document. Nothing but comments is an empty mapping.
func document(data []byte) (*yaml.Node, *Fault) {
	if fault := checkBytes(data); fault != nil {
		return nil, fault
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
	}
	if err != nil {
		return nil, syntax(err)
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, syntax(err)
	}
	return nil, &Fault{Line: second.Line, Column: second.Column, Message: "there is a second document; a configuration is one"}
}

// checkBytes faults what is no text of a bearable size, for which YAML's errors have no place.
func checkBytes(data []byte) *Fault {
	if len(data) > maxFile {
		return &Fault{Message: fmt.Sprintf("is larger than %d MiB, the most that is read", maxFile>>20)}
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("the byte %#02x is not UTF-8", data[i])}
		case r < ' ' && r != '\n' && r != '\r' && r != '\t':
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("the control character %#02x is not allowed", data[i])}
		case r == '\n':
			line, column = line+1, 0
		}
		i += size
		column++
	}
	return nil
}

// syntax says where a file is not YAML. Where only its line is known, the column is 1.
func syntax(err error) *Fault {
	broken, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return &Fault{Message: err.Error()}
	}
	return &Fault{Line: broken.Mark.Line, Column: max(broken.Mark.Column, 1), Message: "is not YAML: " + broken.Message}
}
