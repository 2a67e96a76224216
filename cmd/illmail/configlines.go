package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// This file says where in the configuration something is wrong.

// errorAt names file, line and key. Where the key is not written, the line of
// the nearest table that is.
func (c *Config) errorAt(path, format string, args ...any) error {
	line := 0
	for p := path; p != ""; {
		if n, ok := c.lines[p]; ok {
			line = n
			break
		}
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	var name []string
	for _, part := range strings.Split(path, ".") {
		if part[0] < '0' || part[0] > '9' {
			name = append(name, part)
		}
	}
	where := c.file
	if line > 0 {
		where = fmt.Sprintf("%s:%d", c.file, line)
	}
	return fmt.Errorf("%s: %s %s", where, strings.Join(name, "."), fmt.Sprintf(format, args...))
}

// decodeError turns go-toml's errors into one sentence with file and line.
func (c *Config) decodeError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("%s:%d: unknown key %s; docs/configuration.md lists the keys there are", c.file, line, strings.Join(e.Key(), "."))
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		line, _ := dec.Position()
		key := strings.Join(dec.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Errorf("%s:%d: %s%s", c.file, line, key, strings.TrimPrefix(dec.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", c.file, err)
}

// keyLines maps each key path of a TOML text to its line; tables of an array
// carry their index ("office.0.smtp.host").
func keyLines(raw []byte) map[string]int {
	lines := map[string]int{}
	arrays := map[string]int{}
	var p unstable.Parser
	p.Reset(raw)
	prefix := ""
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for it := e.Key(); it.Next(); {
			n := it.Node()
			parts = append(parts, string(n.Data))
			line = 1 + bytes.Count(raw[:n.Raw.Offset], []byte("\n"))
		}
		if len(parts) == 0 {
			continue
		}
		if n, ok := arrays[parts[0]]; ok && e.Kind != unstable.KeyValue && len(parts) > 1 {
			parts = append([]string{parts[0], fmt.Sprint(n)}, parts[1:]...)
		}
		switch e.Kind {
		case unstable.ArrayTable:
			key := strings.Join(parts, ".")
			n, ok := arrays[key]
			if ok {
				n++
			}
			arrays[key] = n
			prefix = fmt.Sprintf("%s.%d", key, n)
			lines[prefix] = line
		case unstable.Table:
			prefix = strings.Join(parts, ".")
			lines[prefix] = line
		case unstable.KeyValue:
			key := strings.Join(parts, ".")
			if prefix != "" {
				key = prefix + "." + key
			}
			lines[key] = line
		}
	}
	return lines
}
