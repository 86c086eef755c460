package repo

import (
	"fmt"
	"strings"

	"rehome/internal/git/object"
)

// maxConfig bounds a repository's config file; ours have about 100 bytes.
const maxConfig = 1 << 20

// configText returns the config of a new bare repository.
func configText(f object.Format) []byte {
	if f == object.SHA1 {
		return []byte("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")
	}
	return []byte("[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = " + f.String() + "\n")
}

// parseConfig finds the object format in a git config (git-config "CONFIGURATION FILE").
// Extensions that would change how refs or objects are stored are errors.
func parseConfig(text []byte) (object.Format, error) {
	format, section := object.SHA1, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(line, "["), "]"))
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if section != "extensions" || line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"`)
		switch key {
		case "objectformat":
			f, err := object.ParseFormat(value)
			if err != nil {
				return 0, err
			}
			format = f
		case "noop", "preciousobjects":
		default:
			return 0, fmt.Errorf("repository extension %q is not known", key)
		}
	}
	return format, nil
}
