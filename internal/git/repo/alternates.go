package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What alternates may come to: the first as git has it, the others above what anybody has.
const (
	maxAlternateDepth = 5
	maxAlternates     = 1000
	maxAlternatesFile = 1 << 20 // bytes
)

// objectFolders returns the folder of the repository's own objects, then those it borrows from
// (gitrepository-layout, "objects/info/alternates"). As in git, one that is missing is passed over, and
// so is what lies deeper than 5 alternates of alternates.
func (r *Repo) objectFolders() ([]string, error) {
	own := r.path("objects")
	found, seen := []string{own}, map[string]bool{}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		seen[real] = true
	}
	level := found
	for range maxAlternateDepth + 1 {
		var next []string
		for _, folder := range level {
			borrowed, err := alternatesOf(folder)
			if err != nil {
				return nil, err
			}
			for _, other := range borrowed {
				if !seen[other] {
					seen[other] = true
					next = append(next, other)
				}
			}
			if len(seen) > maxAlternates {
				return nil, fmt.Errorf("objects are borrowed from more than %d folders", maxAlternates)
			}
		}
		found, level = slices.Concat(found, next), next
	}
	return found, nil
}

// alternatesOf returns the folders that an object folder names as its alternates and that are there, symbolic links followed.
func alternatesOf(folder string) ([]string, error) {
	text, err := readBounded(filepath.Join(folder, "info", "alternates"), maxAlternatesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read alternates: %w", err)
	}
	var found []string
	for _, path := range parseAlternates(string(text)) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		if st, err := os.Stat(real); err == nil && st.IsDir() {
			found = append(found, real)
		}
	}
	return found, nil
}

// parseAlternates returns the paths in a file of alternates: one a line, "#" begins a comment, one
// that begins with a double quote is quoted as in C, unless the quoting is broken.
func parseAlternates(text string) []string {
	var paths []string
	for text != "" {
		if path, rest, ok := unquote(text); ok {
			paths = append(paths, path)
			_, text, _ = strings.Cut(rest, "\n")
			continue
		}
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line != "" && line[0] != '#' {
			paths = append(paths, line)
		}
	}
	return paths
}

// unquote takes a string quoted as in C from the front of text (git-config(1), core.quotePath).
func unquote(text string) (path, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return b.String(), text[i+1:], b.Len() > 0
		case '\\':
			value, n := escape(text[i+1:])
			if n == 0 {
				return "", "", false
			}
			b.WriteByte(value)
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// escape returns what follows a backslash stands for and how many bytes it has; 0 where it stands for nothing.
func escape(text string) (value byte, n int) {
	if text == "" {
		return 0, 0
	}
	if i := strings.IndexByte(`abfnrtv\"`, text[0]); i >= 0 {
		return "\a\b\f\n\r\t\v\\\""[i], 1
	}
	if len(text) < 3 || text[0] > '3' {
		return 0, 0
	}
	for i := range 3 {
		if text[i] < '0' || text[i] > '7' {
			return 0, 0
		}
		value = value<<3 | (text[i] - '0')
	}
	return value, 3
}
