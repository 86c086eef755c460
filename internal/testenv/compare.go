package testenv

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Rewritten says what a history should have become.
type Rewritten struct {
	People  map[string]string      // `Name <mail>` to the same; others stay
	Commits map[string]string      // the commit map
	Ref     func(name string) bool // whether a ref came along; nil is Carried
}

// Compared counts what a comparison looked at.
type Compared struct {
	Commits, CommitsChanged, TagsChanged, SignaturesDropped int64
}

// Compare holds the history at to against what the one at from should have become:
// every commit and tag byte for byte, so tree, parents through the map, identities, dates,
// other headers and the message; that from's carried refs lead to it, and no other; and that
// they reach nothing else. Of commits below refs/notes the tree may differ: at each tip it has to
// give every commit its note under the new id. It reads both with git and shares no code with what rewrites.
func (r Rewritten) Compare(ctx context.Context, from, to string) (Compared, error) {
	if r.Ref == nil {
		r.Ref = Carried
	}
	c := &comparison{Rewritten: r, from: from, to: to}
	if err := c.refs(ctx); err != nil {
		return c.done, err
	}
	if err := c.list(ctx); err != nil {
		return c.done, err
	}
	err := c.each(ctx, c.old, c.new, c.commit)
	if err == nil {
		err = c.tags(ctx)
	}
	if err == nil {
		err = c.annotations(ctx)
	}
	return c.done, err
}

// leftBehind are the refs that are not carried.
var leftBehind = []string{"refs/pull/", "refs/pull-requests/", "refs/merge-requests/", "refs/changes/", "refs/keep-around/", "refs/replace/"}

// Carried reports whether a ref comes along: those of the old forge stay behind.
func Carried(ref string) bool {
	return !slices.ContainsFunc(leftBehind, func(prefix string) bool { return strings.HasPrefix(ref, prefix) })
}

// ReadCommitMap parses a commit map: a header line, then `OLD NEW`.
func ReadCommitMap(text []byte) (map[string]string, error) {
	commits := map[string]string{}
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		old, changed, ok := strings.Cut(line, " ")
		switch {
		case n == 0 && strings.TrimSpace(old) == "old" && strings.TrimSpace(changed) == "new":
			continue
		case n == 0 || !ok || len(old) != len(changed):
			return nil, fmt.Errorf("line %d of the commit map: %q", n+1, line)
		}
		commits[old] = changed
	}
	return commits, nil
}

// comparison is one Compare under way.
type comparison struct {
	Rewritten
	from, to string
	tips     []string // of from
	old, new []string // commits, one for one
	oldTags  []string // the tags that refs name, and those they name
	newTags  []string
	notes    map[string]bool // commits of from below refs/notes
	done     Compared
}

// refs compares the names of refs and collects what they point at.
func (c *comparison) refs(ctx context.Context) error {
	want, err := refsOf(ctx, c.from, c.Ref)
	if err != nil {
		return err
	}
	have, err := refsOf(ctx, c.to, func(string) bool { return true })
	if err != nil {
		return err
	}
	if len(want) != len(have) {
		return fmt.Errorf("%d refs, want %d", len(have), len(want))
	}
	for n, w := range want {
		h := have[n]
		if w.name != h.name || w.kind != h.kind {
			return fmt.Errorf("ref %s of a %s, want %s of a %s", h.name, h.kind, w.name, w.kind)
		}
		c.tips = append(c.tips, w.id)
		switch {
		case w.kind == "tag":
			c.oldTags, c.newTags = append(c.oldTags, w.id), append(c.newTags, h.id)
		case c.becomes(w.id, w.kind) != h.id:
			return fmt.Errorf("%s is %s, want %s", w.name, h.id, c.becomes(w.id, w.kind))
		}
	}
	return nil
}

func (c *comparison) becomes(id, kind string) string {
	if kind == "commit" {
		return c.Commits[id]
	}
	return id
}

type namedRef struct{ id, kind, name string }

func refsOf(ctx context.Context, dir string, carried func(string) bool) ([]namedRef, error) {
	out, err := Run(ctx, dir, nil, "for-each-ref", "--format=%(objectname) %(objecttype) %(refname)")
	var refs []namedRef
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if carried(f[2]) {
			refs = append(refs, namedRef{f[0], f[1], f[2]})
		}
	}
	return refs, err
}

// list fills in the commits of both sides and wants the map to hold from's and to lead to all of to's.
func (c *comparison) list(ctx context.Context) error {
	list, err := Run(ctx, c.from, strings.NewReader(strings.Join(c.tips, "\n")+"\n"), "rev-list", "--stdin")
	if err != nil {
		return err
	}
	c.old = strings.Fields(list)
	for _, id := range c.old {
		to, ok := c.Commits[id]
		if !ok {
			return fmt.Errorf("commit %s is not in the map", id)
		}
		c.new = append(c.new, to)
	}
	list, err = Run(ctx, c.to, nil, "rev-list", "--all")
	if err != nil {
		return err
	}
	want, have := slices.Compact(slices.Sorted(slices.Values(c.new))), slices.Sorted(slices.Values(strings.Fields(list)))
	if !slices.Equal(want, have) {
		return fmt.Errorf("the refs reach %d commits, want %d, or not the same ones", len(have), len(want))
	}
	list, err = Run(ctx, c.from, nil, "rev-list", "--glob=refs/notes")
	c.notes = map[string]bool{}
	for _, id := range strings.Fields(list) {
		c.notes[id] = true
	}
	return err
}

// annotations compares what the notes refs say of which object.
func (c *comparison) annotations(ctx context.Context) error {
	out, err := Run(ctx, c.from, nil, "for-each-ref", "--format=%(refname)", "refs/notes/")
	if err != nil {
		return err
	}
	for ref := range strings.FieldsSeq(out) {
		if !c.Ref(ref) {
			continue
		}
		before, err := notesOf(ctx, c.from, ref, c.Commits)
		if err != nil {
			return err
		}
		after, err := notesOf(ctx, c.to, ref, nil)
		if err != nil {
			return err
		}
		if !slices.Equal(before, after) {
			return fmt.Errorf("%s has other notes: %d, want %d", ref, len(after), len(before))
		}
	}
	return nil
}

// notesOf lists `object note` of a notes ref, with the objects renamed.
func notesOf(ctx context.Context, dir, ref string, renamed map[string]string) ([]string, error) {
	out, err := Run(ctx, dir, nil, "ls-tree", "-r", "--format=%(path) %(objectname)", ref)
	var list []string
	for line := range strings.Lines(out) {
		path, note, _ := strings.Cut(strings.TrimSpace(line), " ")
		path = strings.ReplaceAll(path, "/", "")
		if to, ok := renamed[path]; ok {
			path = to
		}
		list = append(list, path+" "+note)
	}
	slices.Sort(list)
	return list, err
}

// tags compares all tags that refs name, then the tags that those name, each once.
func (c *comparison) tags(ctx context.Context) error {
	seen := map[string]bool{}
	for len(c.oldTags) > 0 {
		var old, changed []string
		for n, id := range c.oldTags {
			if pair := id + c.newTags[n]; !seen[pair] {
				seen[pair] = true
				old, changed = append(old, id), append(changed, c.newTags[n])
			}
		}
		c.oldTags, c.newTags = nil, nil
		if err := c.each(ctx, old, changed, c.tag); err != nil {
			return err
		}
	}
	return nil
}

// each reads the objects of both sides, one for one.
func (c *comparison) each(ctx context.Context, old, changed []string, compare func(id string, before, after []byte) error) error {
	from, err := catFile(ctx, c.from, old)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := catFile(ctx, c.to, changed)
	if err != nil {
		return err
	}
	defer to.close()
	for n := range old {
		before, err := from.next()
		if err != nil {
			return fmt.Errorf("read %s: %w", old[n], err)
		}
		after, err := to.next()
		if err != nil {
			return fmt.Errorf("read %s, which is to be %s: %w", changed[n], old[n], err)
		}
		if err := compare(old[n], before, after); err != nil {
			return fmt.Errorf("%s became %s: %w", old[n], changed[n], err)
		}
	}
	return nil
}

func (c *comparison) commit(id string, before, after []byte) error {
	want, signed := c.expected(before, c.notes[id], after)
	if !bytes.Equal(want, after) {
		return fmt.Errorf("got\n%q, want\n%q", after, want)
	}
	c.done.Commits++
	if !bytes.Equal(before, after) {
		c.done.CommitsChanged++
		if signed {
			c.done.SignaturesDropped++
		}
	}
	return nil
}

// expected is what a commit should become. Of a note's commit the tree is taken from what it became.
func (c *comparison) expected(raw []byte, note bool, after []byte) (want []byte, signed bool) {
	headers, message := split(raw)
	var kept []string
	changed := false
	for n, h := range headers {
		key, value, _ := strings.Cut(h, " ")
		to := value
		switch key {
		case "tree":
			if line, _, ok := bytes.Cut(after, []byte("\n")); note && n == 0 && ok {
				to = strings.TrimPrefix(string(line), "tree ") + "\n"
			}
		case "parent":
			to = c.Commits[strings.TrimSuffix(value, "\n")] + "\n"
		case "author", "committer":
			to = c.person(value)
		case "gpgsig", "gpgsig-sha256":
			signed = true
			continue
		}
		changed = changed || to != value
		kept = append(kept, key+" "+to)
	}
	if !changed {
		return raw, false
	}
	return append([]byte(strings.Join(kept, "")), message...), signed
}

// person maps the identity that a header's value begins with, read as Git reads it; the date stays.
func (c *comparison) person(value string) string {
	name, rest, _ := strings.Cut(value, "<")
	mail, rest, ok := strings.Cut(rest, ">")
	if to, mapped := c.People[strings.Trim(name, " \t\r\n")+" <"+mail+">"]; ok && mapped {
		return to + rest
	}
	return value
}

func (c *comparison) tag(_ string, before, after []byte) error {
	oldHeaders, oldMessage := split(before)
	newHeaders, newMessage := split(after)
	if len(oldHeaders) != len(newHeaders) {
		return fmt.Errorf("%d headers, want %d", len(newHeaders), len(oldHeaders))
	}
	kind := value(oldHeaders, "type")
	for n, h := range oldHeaders {
		key, was, _ := strings.Cut(h, " ")
		want := was
		switch {
		case key == "tagger":
			want = c.person(was)
		case key == "object" && kind == "tag":
			c.oldTags, c.newTags = append(c.oldTags, strings.TrimSpace(was)), append(c.newTags, value(newHeaders, "object"))
			continue // compared as a tag of its own
		case key == "object":
			want = c.becomes(strings.TrimSpace(was), kind) + "\n"
		}
		if newHeaders[n] != key+" "+want {
			return fmt.Errorf("header %q, want %q", newHeaders[n], key+" "+want)
		}
	}
	if bytes.Equal(before, after) {
		return nil
	}
	c.done.TagsChanged++
	return c.message(oldMessage, newMessage)
}

// message wants a changed tag's message to be the old one, but for a signature below it.
func (c *comparison) message(before, after []byte) error {
	rest, ok := bytes.CutPrefix(before, after)
	if !ok || len(rest) > 0 && !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
		return fmt.Errorf("message %q, want %q", after, before)
	}
	if bytes.Contains(after, []byte("\n-----BEGIN PGP SIGNATURE-----\n")) {
		return fmt.Errorf("the signature of a changed tag stays: %q", after)
	}
	if len(rest) > 0 {
		c.done.SignaturesDropped++
	}
	return nil
}

// value returns a header's value without the line feed, "" when there is none.
func value(headers []string, key string) string {
	for _, h := range headers {
		if rest, ok := strings.CutPrefix(h, key+" "); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return ""
}

// split cuts an object into its headers, each with the lines that continue it, and the rest from the empty line on.
func split(raw []byte) (headers []string, rest []byte) {
	for len(raw) > 0 && raw[0] != '\n' {
		end := bytes.IndexByte(raw, '\n') + 1
		if end == 0 {
			end = len(raw)
		}
		line := string(raw[:end])
		raw = raw[end:]
		if len(headers) > 0 && line[0] == ' ' {
			headers[len(headers)-1] += line
		} else {
			headers = append(headers, line)
		}
	}
	return headers, raw
}

// batch is a running git cat-file --batch.
type batch struct {
	cmd *exec.Cmd
	out *bufio.Reader
	buf []byte
}

func catFile(ctx context.Context, dir string, ids []string) (*batch, error) {
	cmd := exec.CommandContext(ctx, "git", "cat-file", "--batch", "--buffer")
	cmd.Dir, cmd.Env = dir, Env()
	cmd.Stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &batch{cmd: cmd, out: bufio.NewReaderSize(out, 1<<16)}, cmd.Start()
}

// next returns the next object, valid until the one after.
func (b *batch) next() ([]byte, error) {
	line, err := b.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	var id, kind string
	var size int
	if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil {
		return nil, fmt.Errorf("git cat-file: %q", line)
	}
	b.buf = slices.Grow(b.buf[:0], size+1)[:size+1]
	_, err = io.ReadFull(b.out, b.buf)
	return b.buf[:size], err
}

func (b *batch) close() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
}
