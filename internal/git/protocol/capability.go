package protocol

import (
	"bytes"
	"slices"
	"strings"

	"rehome/internal/git/object"
)

// Capabilities is what a server says it can do, as it said it: "ofs-delta",
// "symref=HEAD:refs/heads/main", and in version 2 "fetch=shallow filter".
type Capabilities []string

// ParseCapabilities splits the words that follow the NUL of a version 0 or 1 advertisement.
func ParseCapabilities(b []byte) Capabilities {
	return strings.Fields(string(b))
}

// Encode is the opposite of ParseCapabilities.
func (c Capabilities) Encode() []byte { return []byte(strings.Join(c, " ")) }

// Has reports whether name is there, with a value or without.
func (c Capabilities) Has(name string) bool {
	return slices.ContainsFunc(c, func(s string) bool {
		rest, ok := strings.CutPrefix(s, name)
		return ok && (rest == "" || rest[0] == '=')
	})
}

// Value returns the first value of name, "" when there is none.
func (c Capabilities) Value(name string) string {
	for _, s := range c {
		if rest, ok := strings.CutPrefix(s, name+"="); ok {
			return rest
		}
	}
	return ""
}

// Feature reports whether version 2 command name offers feature, as "ls-refs=unborn" does.
func (c Capabilities) Feature(name, feature string) bool {
	return slices.Contains(strings.Fields(c.Value(name)), feature)
}

// Format returns the object format the server speaks; SHA-1 when it does not say.
func (c Capabilities) Format() (object.Format, error) {
	name := c.Value("object-format")
	if name == "" {
		return object.SHA1, nil
	}
	f, err := object.ParseFormat(name)
	if err != nil {
		return 0, malformed("%v", err)
	}
	return f, nil
}

// symref returns the target the symref capability gives for name. The same one may be
// there any number of times; the first counts.
func (c Capabilities) symref(name string) string {
	for _, s := range c {
		if target, ok := strings.CutPrefix(s, "symref="+name+":"); ok {
			return target
		}
	}
	return ""
}

func cutNUL(line []byte) (before, after []byte) {
	before, after, _ = bytes.Cut(line, []byte{0})
	return before, after
}
