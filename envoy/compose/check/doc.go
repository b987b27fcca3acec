// Package check tests docker-compose.yaml and the Dockerfile as far as it goes without Docker: with the library that
// Docker Compose itself reads the file with.
package check
