package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration file.
type Fault struct { //nolint:errname // a fault of a file; its Error is for lists of them
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1; 0 where the file as a whole is meant
	Column  int    `json:"column"`
	Path    string `json:"path"`            // such as clusters[0].hosts[1].weight
	Value   string `json:"value,omitempty"` // the word that is not allowed, cut short; empty for a mapping or list
	Message string `json:"message"`
}

// Error returns the fault in one line: file:line:column: path: message.
func (f Fault) Error() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	if f.Path == "" {
		return place + ": " + f.Message
	}
	return place + ": " + f.Path + ": " + f.Message
}

// Faults are all faults of one file, in its order.
type Faults []Fault //nolint:errname // the error is that there are any

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// all returns the faults in the file's order, and how many there are beyond maxFaults.
func (d *decoder) all() Faults {
	slices.SortStableFunc(d.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if d.unsaid > 0 {
		d.faults = append(d.faults, Fault{File: d.file, Message: fmt.Sprintf("and %d more faults", d.unsaid)})
	}
	return d.faults
}

// closest returns the known word that a misspelt one most likely stands for, or "".
func closest(word string, known []string) string {
	const longest = 64 // no key is nearly as long, and the distance costs time
	if len(word) > longest {
		return ""
	}
	best, least := "", len(word)/2+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the edit distance of two words (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
