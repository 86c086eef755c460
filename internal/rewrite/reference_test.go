package rewrite_test

import (
	"bufio"
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// reference rewrites a history slowly and plainly: objects are strings, ids are hex.
type reference struct {
	plan    rewrite.Plan
	objects map[string]raw
	plain   map[string]bool // what refs reach, but for
	noted   map[string]bool // what refs of notes alone reach
	became  map[string]string
	written map[string]string // the new objects
	abbrev  []string          // ids of commits that messages may name
	counts  [3]int64          // commits, tags, signatures
	err     error
}

type raw struct{ kind, data string }

var errCharset = errors.New("that name is not in that encoding")

// expect rewrites what the refs reach.
func expect(t testing.TB, from history, p rewrite.Plan) *reference {
	t.Helper()
	r := &reference{plan: p, objects: readAll(t, from.Dir()), plain: map[string]bool{}, noted: map[string]bool{}, became: map[string]string{}, written: map[string]string{}}
	for _, ref := range from.refs {
		into := r.plain
		if strings.HasPrefix(ref.Name, "refs/notes/") {
			into = r.noted
		}
		r.reach(ref.ID.String(), into)
	}
	for id := range r.plain {
		delete(r.noted, id)
	}
	for id := range r.plain {
		if r.objects[id].kind == "commit" {
			r.abbrev = append(r.abbrev, id)
		}
	}
	for _, some := range []map[string]bool{r.plain, r.noted} {
		for id := range some {
			r.new(id)
		}
	}
	return r
}

// readAll reads every object with git.
func readAll(t testing.TB, dir string) map[string]raw {
	t.Helper()
	out, err := testenv.Run(t.Context(), dir, nil, "cat-file", "--batch", "--batch-all-objects")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]raw{}
	in := bufio.NewReader(strings.NewReader(out + "\n"))
	for {
		var id, kind string
		var size int
		line, err := in.ReadString('\n')
		if err == io.EOF || line == "\n" {
			return all
		}
		if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(in, data); err != nil {
			t.Fatal(err)
		}
		all[id] = raw{kind, string(data[:size])}
	}
}

func (r *reference) reach(id string, into map[string]bool) {
	o := r.objects[id]
	if into[id] || o.kind != "commit" && o.kind != "tag" {
		return
	}
	into[id] = true
	headers, _ := cut(o.data)
	for _, h := range headers {
		if key, value, _ := strings.Cut(strings.TrimSuffix(h, "\n"), " "); key == "parent" || key == "object" {
			r.reach(value, into)
		}
	}
}

// cut splits an object into headers, each with the lines that continue it, and the message with the empty line before it.
func cut(data string) (headers []string, message string) {
	for data != "" && data[0] != '\n' {
		end := strings.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		if len(headers) > 0 && data[0] == ' ' {
			headers[len(headers)-1] += data[:end]
		} else {
			headers = append(headers, data[:end])
		}
		data = data[end:]
	}
	return headers, data
}

// new returns what an object becomes.
func (r *reference) new(id string) string {
	o := r.objects[id]
	if o.kind != "commit" && o.kind != "tag" {
		return id
	}
	if to, ok := r.became[id]; ok {
		return to
	}
	headers, message := cut(o.data)
	signature := ""
	if o.kind == "tag" {
		message, signature = unsigned(message)
	}
	charset := charsetOf(headers)
	var kept []string
	dropped := signature != ""
	for _, h := range headers {
		key, value, _ := strings.Cut(h, " ")
		bare := strings.TrimSuffix(value, "\n")
		switch {
		case key == "gpgsig" || key == "gpgsig-sha256":
			dropped = true
			continue
		case key == "tree" && r.noted[id]:
			h = "tree " + r.notes(bare) + "\n"
		case key == "parent" || key == "object":
			h = key + " " + r.new(bare) + "\n"
		case key == "author" || key == "committer" || key == "tagger":
			h = key + " " + r.person(value, charset)
		}
		kept = append(kept, h)
	}
	unedited := slices.DeleteFunc(headers, func(h string) bool { return strings.HasPrefix(h, "gpgsig ") || strings.HasPrefix(h, "gpgsig-sha256 ") })
	said := r.message(message, charset)
	if slices.Equal(unedited, kept) && said == message {
		r.became[id] = id
		return id
	}
	data := strings.Join(kept, "") + said
	to := sum(len(id), o.kind, data)
	r.became[id], r.written[to] = to, data
	r.count(o.kind, dropped)
	return to
}

func (r *reference) count(kind string, dropped bool) {
	if kind == "commit" {
		r.counts[0]++
	} else {
		r.counts[1]++
	}
	if dropped {
		r.counts[2]++
	}
}

var signatureLine = regexp.MustCompile(`(?m)^-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----`)

// unsigned cuts the signature off a tag's message, at the last line that begins one.
func unsigned(message string) (rest, signature string) {
	all := signatureLine.FindAllStringIndex(message, -1)
	if len(all) == 0 {
		return message, ""
	}
	at := all[len(all)-1][0]
	return message[:at], message[at:]
}

func charsetOf(headers []string) string {
	for _, h := range headers {
		if name, ok := strings.CutPrefix(h, "encoding "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

var dateAtEnd = regexp.MustCompile(`(?s)^(.*?)( [-+]?[0-9]+ [-+]?[0-9]+)?$`)

// personOf reads an identity line: who stands in it, and what of it is replaced.
func personOf(line string) (name, stands, mail string) {
	before, rest, open := strings.Cut(line, "<")
	if mail, _, ok := strings.Cut(rest, ">"); open && ok {
		return strings.Trim(before, " \t\r\n"), before + "<" + mail + ">", mail
	}
	stands = dateAtEnd.FindStringSubmatch(strings.TrimSuffix(line, "\n"))[1]
	return strings.Trim(stands, " \t\r\n"), stands, ""
}

func (r *reference) person(line, charset string) string {
	name, stands, mail := personOf(line)
	to, ok := r.plan.Authors[rehome.Identity{Name: name, Mail: mail}]
	if !ok {
		return line
	}
	return r.text(to, charset) + line[len(stands):]
}

// text writes somebody in a charset.
func (r *reference) text(who rehome.Identity, charset string) string {
	text := who.Name + " <" + who.Mail + ">"
	switch strings.ToLower(charset) {
	case "", "utf-8":
		return text
	case "iso-8859-1", "latin1":
		if encoded, err := charmap.ISO8859_1.NewEncoder().String(text); err == nil {
			return encoded
		}
	}
	if strings.IndexFunc(text, func(c rune) bool { return c > 127 }) >= 0 {
		r.err = errCharset
	}
	return text
}

var (
	trailer = regexp.MustCompile(`(?s)^([A-Za-z0-9-]*-[bB][yY]:[ \t]*)([^<]*<[^>]*>)(.*)$`)
	word    = regexp.MustCompile(`\w+`)
	isHash  = regexp.MustCompile(`^[0-9a-f]{7,}$`)
)

// message edits a message, which begins with the empty line.
func (r *reference) message(message, charset string) string {
	var out strings.Builder
	for line := range strings.Lines(message) {
		if m := trailer.FindStringSubmatch(line); m != nil && r.plan.Trailers != nil {
			name, _, mail := personOf(m[2])
			if to, ok := r.plan.Trailers(rehome.Identity{Name: name, Mail: mail}); ok {
				out.WriteString(m[1] + r.text(to, charset))
				line = m[3]
			}
		}
		if r.plan.Hashes {
			line = word.ReplaceAllStringFunc(line, r.hash)
		}
		out.WriteString(line)
	}
	return out.String()
}

func (r *reference) hash(digits string) string {
	size := len(r.abbrev[0])
	if !isHash.MatchString(digits) || len(digits) > size || len(digits) < size && !strings.ContainsAny(digits, "abcdef") {
		return digits
	}
	if r.plain[digits] {
		return r.new(digits)
	}
	var found []string
	for _, id := range r.abbrev {
		if strings.HasPrefix(id, digits) {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		return digits
	}
	return r.new(found[0])[:len(digits)]
}

// notes renames the files of a tree of notes.
func (r *reference) notes(tree string) string {
	files := map[string]string{} // path: "mode id"
	from := map[string]string{}  // path: the old one
	changed := false
	for _, f := range slices.SortedFunc(maps.Keys(r.files(tree, "")), strings.Compare) {
		to := f
		if digits := strings.ReplaceAll(f, "/", ""); r.plain[digits] {
			now := r.new(digits)
			for i, c := range f {
				if c == '/' {
					now = now[:i] + "/" + now[i:]
				}
			}
			to = now
		}
		changed = changed || to != f
		if _, twice := from[to]; !twice {
			files[to], from[to] = r.files(tree, "")[f], f
		}
	}
	if !changed {
		return tree
	}
	return r.folder(files, len(tree))
}

// files lists a tree with the folders in it.
func (r *reference) files(tree, prefix string) map[string]string {
	all := map[string]string{}
	size := len(tree) / 2
	for data := r.objects[tree].data; data != ""; {
		head, rest, _ := strings.Cut(data, "\x00")
		mode, name, _ := strings.Cut(head, " ")
		id := hex.EncodeToString([]byte(rest[:size]))
		if data = rest[size:]; mode == "40000" {
			maps.Copy(all, r.files(id, prefix+name+"/"))
		} else {
			all[prefix+name] = mode + " " + id
		}
	}
	return all
}

// folder makes the tree of files.
func (r *reference) folder(files map[string]string, size int) string {
	entries, below := map[string]string{}, map[string]map[string]string{}
	for path, f := range files {
		name, rest, isFolder := strings.Cut(path, "/")
		if !isFolder {
			entries[name] = f
			continue
		}
		if below[name] == nil {
			below[name] = map[string]string{}
		}
		below[name][rest] = f
	}
	for name, f := range below {
		entries[name+"/"] = "40000 " + r.folder(f, size)
	}
	var b strings.Builder
	for _, name := range sortedKeys(entries) {
		mode, id, _ := strings.Cut(entries[name], " ")
		digits, err := hex.DecodeString(id)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s %s\x00%s", mode, strings.TrimSuffix(name, "/"), digits)
	}
	id := sum(size, "tree", b.String())
	r.written[id] = b.String()
	return id
}

// sum returns the id of an object, of so many digits.
func sum(size int, kind, data string) string {
	data = fmt.Sprintf("%s %d\x00%s", kind, len(data), data)
	if size == 2*sha1.Size {
		s := sha1.Sum([]byte(data))
		return hex.EncodeToString(s[:])
	}
	s := sha256.Sum256([]byte(data))
	return hex.EncodeToString(s[:])
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func sortedIDs[V any](m map[object.ID]V) []object.ID {
	return slices.SortedFunc(maps.Keys(m), object.ID.Compare)
}
