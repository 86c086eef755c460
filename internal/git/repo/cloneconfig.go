package repo

import (
	"fmt"
	"strings"

	"rehome/internal/git/object"
)

// harmlessExtensions change nothing about where refs and objects are.
var harmlessExtensions = map[string]bool{
	"noop": true, "noop-v1": true, "preciousobjects": true, "partialclone": true, "worktreeconfig": true,
	"relativeworktrees": true, "compatobjectformat": true, "submodulepathconfig": true,
}

// parseCloneConfig is parseConfig for a config that its user writes: anything may be in it that git
// takes, and what git would not take is passed over.
func parseCloneConfig(text []byte) (format object.Format, err error) {
	readConfig(string(text), func(section, key, value string) {
		if section != "extensions" || err != nil {
			return
		}
		switch {
		case key == "objectformat":
			format, err = object.ParseFormat(strings.ToLower(value))
		case key == "refstorage" && !strings.EqualFold(value, "files"):
			err = fmt.Errorf("its refs are kept as %q, which cannot be read yet", value)
		case key != "refstorage" && !harmlessExtensions[key]:
			err = fmt.Errorf("repository extension %q is not known", key)
		}
	})
	return format, err
}

// readConfig calls visit with each variable of a git config (git-config(1), "Syntax"): section and key in
// lower case. A section with a subsection has both as its name, with a dot between them; a variable on the
// line of its header is passed over.
func readConfig(text string, visit func(section, key, value string)) {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\ufeff")
	section := ""
	for text != "" {
		text = strings.TrimLeft(text, " \t\n")
		switch {
		case text == "":
		case text[0] == '#' || text[0] == ';':
			_, text, _ = strings.Cut(text, "\n")
		case text[0] == '[':
			section, text = configSection(text[1:])
		default:
			end := strings.IndexAny(text, "=\n#;")
			if end < 0 {
				end = len(text)
			}
			key := strings.ToLower(strings.TrimSpace(text[:end]))
			value := ""
			if text = text[end:]; strings.HasPrefix(text, "=") {
				value, text = configValue(text[1:])
			}
			visit(section, key, value)
		}
	}
}

// configSection takes the rest of a section's header from the front of text.
func configSection(text string) (name, rest string) {
	end := strings.IndexAny(text, "]\"\n")
	if end < 0 {
		return "", ""
	}
	name = strings.ToLower(strings.TrimSpace(text[:end]))
	if text[end] != '"' {
		return name, text[end+1:]
	}
	sub, rest := configValue(text[end:])
	if i := strings.LastIndexByte(sub, ']'); i >= 0 {
		sub = sub[:i]
	}
	return name + "." + sub, rest
}

// configValue takes a value from the front of text, up to its end of line.
func configValue(text string) (value, rest string) {
	var b strings.Builder
	quoted, kept := false, 0 // kept: bytes that are no trailing blanks
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			return strings.TrimLeft(b.String()[:kept], " \t"), text[i+1:]
		case c == '"':
			quoted = !quoted
			kept = b.Len()
		case (c == '#' || c == ';') && !quoted:
			_, rest, _ = strings.Cut(text[i:], "\n")
			return strings.TrimLeft(b.String()[:kept], " \t"), rest
		case c == '\\' && i+1 < len(text):
			i++
			if at := strings.IndexByte("ntb", text[i]); at >= 0 {
				b.WriteByte("\n\t\b"[at])
				kept = b.Len()
			} else if text[i] != '\n' {
				b.WriteByte(text[i])
				kept = b.Len()
			}
		default:
			b.WriteByte(c)
			if quoted || c != ' ' && c != '\t' {
				kept = b.Len()
			}
		}
	}
	return strings.TrimLeft(b.String()[:kept], " \t"), ""
}
