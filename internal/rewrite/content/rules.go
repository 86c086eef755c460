package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zlib"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

const (
	// longPath is the size, as written, from which paths are named in the folder at hand rather than
	// further up: Git passes over lines of more than attributes.MaxLine bytes.
	longPath = attributes.MaxLine / 2
	// maxRead and maxRules are the largest .gitattributes that is read, and that is made, bytes.
	maxRead, maxRules = 16 << 20, 64 << 20
	// heldRules is how much of what .gitattributes say is held, bytes of them.
	heldRules = 32 << 20
	// maxTries bounds how many patterns of .gitattributes are tried on paths, of all commits together.
	maxTries = 4e9
)

// rules are what .gitattributes files say, and what they are to say.
type rules struct {
	mu     sync.Mutex         // guards what follows, from remake on
	parsed map[uint32]*parsed // by blob
	held   int                // bytes of parsed
	macros []*attributes.Macros
	number map[string]uint32 // of macros, by their String
	named  int               // bytes of number
	made   map[question]answer
	tried  int64
	newFiles
}

// parsed is a .gitattributes file.
type parsed struct {
	text  []byte
	rules *attributes.Rules
}

// question is what decides about a .gitattributes: its blob plus one, what lies below it and what holds there.
type question struct {
	blob, set, macros uint32
	twins             uint32
	root              bool
}

// answer is what comes of it: the file, 0 when it stays, and what is left for those further up.
type answer struct {
	file, left uint32
}

func (p *pass) newRules() error {
	p.rules = &rules{
		parsed: map[uint32]*parsed{}, macros: []*attributes.Macros{attributes.Parse(nil).Macros()}, number: map[string]uint32{"": 0}, made: map[question]answer{},
		newFiles: newFiles{room: arena{scratch: p.Scratch}, of: map[object.ID]uint32{}, list: []newFile{{}}},
	}
	var err error
	p.rules.z, err = zlib.NewWriterLevel(nil, zlib.DefaultCompression)
	return err
}

// macrosOf returns the number of the macros that a root's .gitattributes defines.
func (p *pass) macrosOf(blob uint32) (uint32, error) {
	file, err := p.parsedOf(blob)
	if err != nil {
		return 0, err
	}
	macros := file.rules.Macros()
	key := macros.String()
	n, ok := p.rules.number[key]
	if !ok {
		if p.rules.named += len(key); p.rules.named > maxRules {
			return 0, tooLong("more macros than there is memory for")
		}
		n = uint32(len(p.rules.macros))
		p.rules.number[key] = n
		p.rules.macros = append(p.rules.macros, macros)
	}
	return n, nil
}

// parsedOf reads a .gitattributes.
func (p *pass) parsedOf(blob uint32) (*parsed, error) {
	if file := p.rules.parsed[blob]; file != nil {
		return file, nil
	}
	_, text, err := p.pack.Read(int(blob), maxRead)
	if limit := new(pack.LimitError); errors.As(err, &limit) {
		return nil, tooLong("more than the 16 MiB that are read of it")
	}
	if err != nil {
		return nil, fmt.Errorf("read .gitattributes: %w", err)
	}
	file := &parsed{text: text, rules: attributes.Parse(text)}
	if p.rules.held += len(text); p.rules.held > heldRules {
		clear(p.rules.parsed)
		p.rules.held = len(text)
	}
	p.rules.parsed[blob] = file
	return file, nil
}

// attribute finds the .gitattributes of a tree as it is to be, so that all paths of a set below it
// are Git LFS files, and the set that is left for the trees above.
//
// What the file says comes first: a rule that makes a path a Git LFS file is enough, and one
// that makes it something else is overridden behind it, in the same file.
func (p *pass) attribute(ctx context.Context, r record, q question, tree uint32) (answer, error) {
	if q.set == 0 {
		return answer{}, nil
	}
	blob, has := r.attributes()
	if has {
		q.blob = blob + 1
	}
	here := q.root || p.sets.at(q.set).longest > longPath
	if !has && !here {
		return answer{left: q.set}, nil
	}
	p.rules.mu.Lock()
	defer p.rules.mu.Unlock()
	if q.root {
		q.twins = p.twinsOf(tree)
	}
	if a, ok := p.rules.made[q]; ok {
		return a, nil
	}
	a, err := p.answer(ctx, q, here)
	if err != nil {
		return a, fmt.Errorf("tree %s: %w", p.pack.Index.ID(int(tree)), err)
	}
	p.rules.made[q] = a
	return a, nil
}

func (p *pass) answer(ctx context.Context, q question, here bool) (a answer, err error) {
	file := &parsed{rules: attributes.Parse(nil)}
	if q.blob != 0 {
		if file, err = p.parsedOf(q.blob - 1); err != nil {
			return a, err
		}
	}
	if p.sets.at(q.set).count > maxPaths {
		return a, tooLong("more than 4 million lines")
	}
	text := bytes.Clone(file.text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	size := len(text)
	var left []item
	for path := range p.paths(q.set) {
		if err := p.mayTry(ctx, file.rules.Globs()); err != nil {
			return a, err
		}
		value, found := file.rules.Value(p.rules.macros[q.macros], path, "filter")
		switch {
		case found && value.Kind == attributes.Text && value.Text == "lfs":
		case found || here:
			if text, err = appendLine(text, path, p.isTwin(path, q.twins)); err != nil {
				return a, err
			}
		default:
			left = append(left, item{name: p.links.nameOf(path)})
		}
	}
	if len(text) > size {
		if a.file, err = p.newFile(text); err != nil {
			return a, err
		}
	}
	if int64(len(left)) == p.sets.at(q.set).count {
		a.left = q.set
		return a, nil
	}
	a.left, err = p.setOf(left)
	return a, err
}

// mayTry counts patterns that are tried, against the limit.
func (p *pass) mayTry(ctx context.Context, globs int) error {
	before := p.rules.tried
	p.rules.tried += int64(globs) + 1
	if before>>16 != p.rules.tried>>16 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.rules.tried > maxTries {
		return tooLong("more patterns tried than there is time for")
	}
	return nil
}

// appendLine appends the line for one path.
func appendLine(text, path []byte, twin bool) ([]byte, error) {
	from := len(text)
	if twin {
		text = attributes.AppendGitLine(text, path)
	} else {
		text = attributes.AppendLine(text, path)
	}
	if len(text)-from > attributes.MaxLine {
		return nil, tooLong("a line longer than Git reads")
	}
	if len(text) > maxRules {
		return nil, tooLong("more than 64 MiB")
	}
	return text, nil
}

func tooLong(what string) error {
	return &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: "Large files cannot become Git LFS files: a .gitattributes would need " + what + ".",
		Hint:    "Choose fewer files, leave them as they are, or remove them.",
	}
}

// noFile is the error for a tree whose .gitattributes is no file that can be added to.
func (p *pass) noFile(tree uint32) error {
	return &rehome.Error{
		Code:    rehome.Invalid,
		Message: fmt.Sprintf("The tree %s has a .gitattributes that is a symlink or a folder, so its large files cannot become Git LFS files.", p.pack.Index.ID(int(tree))),
		Hint:    "Leave large files as they are, remove them, or choose others by size or pattern.",
	}
}
