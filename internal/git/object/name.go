package object

import (
	"bytes"
	"unicode/utf8"
)

// nameFaults returns what is wrong with the name of a tree entry on any file system: names that stand
// for the folder itself, its parent or the .git folder, and names that are more than one name.
func nameFaults(name []byte) (s Faults) {
	if bytes.IndexByte(name, '/') >= 0 {
		s.Add(FullPathname)
	}
	s |= partFaults(name)
	for {
		at := bytes.IndexByte(name, '\\') // a separator on Windows
		if at < 0 {
			return s
		}
		name = name[at+1:]
		s |= partFaults(name)
	}
}

// partFaults looks at a name up to its end or its first separator.
func partFaults(name []byte) (s Faults) {
	if len(name) == 0 || !mayHide[name[0]] {
		return 0
	}
	if string(name) == "." {
		s.Add(HasDot)
	}
	if hasFold(name, "..") && (len(name) == 2 || name[2] == '\\') {
		s.Add(HasDotdot)
	}
	if isNTFSDotgit(name) || isHFSDot(name, "git") {
		s.Add(HasDotgit)
	}
	return s
}

// mayHide has the first bytes of names that could be ".", ".." or ".git" to some file system.
var mayHide = [256]bool{'.': true, 'g': true, 'G': true, 0xe2: true, 0xef: true}

// isNTFSDotgit reports whether NTFS takes name for .git: in any case, by its short name git~1,
// with dots and spaces behind, up to a separator or a stream (".git::$INDEX_ALLOCATION").
func isNTFSDotgit(name []byte) bool {
	n := 4
	switch {
	case hasFold(name, ".git"):
	case hasFold(name, "git~1"):
		n = 5
	default:
		return false
	}
	rest := bytes.TrimLeft(name[n:], ". ")
	return len(rest) == 0 || rest[0] == '\\' || rest[0] == '/' || rest[0] == ':'
}

// hasFold reports whether name starts with the lower-case prefix in any case.
func hasFold(name []byte, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(name[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// lower returns an ASCII letter in lower case and any other byte as it is.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// isHFSDot reports whether HFS+ takes name for a dot and the lower-case word: in any case, with
// code points in between that it ignores. Like Git it takes invalid UTF-8 for the end of the name.
func isHFSDot(name []byte, word string) bool {
	want := 0
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		if r == utf8.RuneError && n <= 1 || r == 0xfffe || r == 0xffff {
			break
		}
		name = name[n:]
		if hfsIgnores(r) {
			continue
		}
		switch {
		case want > len(word):
			return r == '/'
		case r >= utf8.RuneSelf:
			return false
		case want == 0 && r != '.', want > 0 && lower(byte(r)) != word[want-1]:
			return false
		}
		want++
	}
	return want > len(word)
}

// hfsIgnores reports whether HFS+ skips r when it compares names.
func hfsIgnores(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

// isGitmodules reports whether some file system takes name, or the part of it behind a
// backslash, for .gitmodules.
func isGitmodules(name []byte) bool {
	if isHFSDot(name, "gitmodules") {
		return true
	}
	for {
		if isNTFSGitmodules(name) {
			return true
		}
		at := bytes.IndexByte(name, '\\')
		if at < 0 {
			return false
		}
		name = name[at+1:]
	}
}

// isNTFSGitmodules also knows the short names NTFS may give it: gitmod~1 to ~4 and, when those
// are taken, gi7eba~1 and the like, with less of the prefix before a longer number.
func isNTFSGitmodules(name []byte) bool {
	n := 0
	switch {
	case hasFold(name, ".gitmodules"):
		n = len(".gitmodules")
	case hasFold(name, "gitmod~") && len(name) > 7 && name[7] >= '1' && name[7] <= '4', isShortGitmodules(name):
		n = 8
	default:
		return false
	}
	rest := bytes.TrimLeft(name[n:], ". ")
	return len(rest) == 0 || rest[0] == ':'
}

func isShortGitmodules(name []byte) bool {
	if len(name) < 8 {
		return false
	}
	tilde := bytes.IndexByte(name[:7], '~')
	if tilde < 0 || !hasFold(name, "gi7eba"[:tilde]) {
		return false
	}
	return name[tilde+1] >= '1' && digits(name[tilde+1:8]) == 7-tilde
}
