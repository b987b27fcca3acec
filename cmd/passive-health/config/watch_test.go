package config

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchComparesContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, target := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "v1")
		write := func(name, content string) string {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		write("v1", "debug: true")
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		go Watch(t.Context(), path, c.Hash, func() { changes++ })
		after := func(what string, want int) {
			t.Helper()
			<-time.After(period + 1)
			synctest.Wait()
			if changes != want {
				t.Errorf("%s: %d changes, want %d", what, changes, want)
			}
		}
		after("nothing", 0)
		write("v1", "debug: true")
		after("written again, the same", 0)
		write("v1", "debug: false")
		after("other content", 1)
		after("seen already", 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		after("gone", 1)
		if err := os.Symlink(write("v2", "debug: true"), path); err != nil {
			t.Fatal(err)
		}
		after("the link swapped", 2)
	})
}
