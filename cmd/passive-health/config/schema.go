package config

import _ "embed" // the schema

//go:embed schema.json
var schema string

// Schema returns the JSON Schema of configuration files, for editors and their like. It knows the keys, kinds and
// bounds of values; what only several values together can break, the decoder alone says.
func Schema() string { return schema }
