package hostile

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rehome"
)

// advertisements are what servers say first, and of their refs.
func advertisements() []Case {
	return slices.Concat(lengths(), firstWords(), lists())
}

// lengths are pkt-lines that are none.
func lengths() (all []Case) {
	for _, head := range []string{"0001", "0002", "0003", "fff1", "fff5", "ffff", "FFFF", "-001", " 00a", "0x0a", "00 4", "\x00\x00\x00\x00", "zzzz"} {
		all = append(all, served(fmt.Sprintf("pkt-line %q", head), "malformed pkt-lines", nothing, func(s *server) {
			s.first = says(advertisement, serviceLine+head+strings.Repeat("x", 70_000))
		}), served(fmt.Sprintf("pkt-line %q in the pack", head), "malformed pkt-lines", Outcome{Code: rehome.CorruptObject}, func(s *server) {
			s.fetch = says(result, lines("packfile")+head+strings.Repeat("x", 70_000))
		}))
	}
	for _, cut := range []int{1, 3, 10, 32, 36, 40, len(v2) - 5, len(v2) - 1} {
		all = append(all, served(fmt.Sprintf("an advertisement cut after %d bytes", cut), "truncated pkt-lines", unreachable, func(s *server) { s.first = says(advertisement, v2[:cut]) }))
	}
	return all
}

// firstWords are advertisements of the right form with the wrong content.
func firstWords() (all []Case) {
	refs := lines(absent + " HEAD\x00side-band-64k symref=HEAD:refs/heads/trunk")
	for name, c := range map[string]struct {
		words string
		want  Outcome
	}{
		"the service of pushes":              {"001f# service=git-receive-pack\n0000" + lines("version 2", "ls-refs", "fetch") + "0000", nothing},
		"no service":                         {"000dservice=x0000", nothing},
		"a service line without end":         {"001e# service=git-upload-pack\n" + lines("version 2"), nothing},
		"version 3":                          {serviceLine + lines("version 3", "ls-refs", "fetch") + "0000", nothing},
		"version 2 without fetch":            {serviceLine + lines("version 2", "ls-refs") + "0000", nothing},
		"version 2 without refs":             {serviceLine + lines("version 2", "fetch") + "0000", nothing},
		"version 2 in the middle":            {serviceLine + refs + lines("version 2") + "0000", nothing},
		"an object format unheard of":        {serviceLine + lines("version 2", "ls-refs", "fetch", "object-format=md5") + "0000", nothing},
		"SHA-256 that is SHA-1":              {serviceLine + lines("version 2", "ls-refs", "fetch", "object-format=sha256") + "0000", nothing},
		"two object formats":                 {serviceLine + lines("version 2", "ls-refs", "fetch", "object-format=sha256", "object-format=sha1") + "0000", nothing},
		"SHA-1 ids with SHA-256":             {serviceLine + lines(absent+" HEAD\x00object-format=sha256") + "0000", nothing},
		"half an id":                         {serviceLine + lines(absent[:39]+" HEAD\x00x") + "0000", nothing},
		"an id in other letters":             {serviceLine + lines(strings.Repeat("zz", 20)+" HEAD\x00x") + "0000", nothing},
		"a refusal with orders to terminals": {lines("ERR \x1b[2J\x07no\u202e\r\n"), nothing},
		"a refusal without end":              {"fff0ERR " + strings.Repeat("no ", 21838)[:65512], nothing},
		"a shallow history":                  {serviceLine + refs + lines("shallow "+absent) + "0000", Outcome{Code: rehome.SourceShallow}},
		"a shallow id that is none":          {serviceLine + refs + lines("shallow x") + "0000", nothing},
		"a peeled tag without its tag":       {serviceLine + refs + lines(absent+" refs/tags/a^{}") + "0000", nothing},
		"a delimiter among refs":             {serviceLine + refs + "0001" + "0000", nothing},
		"empty lines":                        {serviceLine + refs + strings.Repeat("0004", 1000) + "0000", nothing},
	} {
		all = append(all, served("first words: "+name, "lies of an advertisement", c.want, func(s *server) { s.first = says(advertisement, c.words) }))
	}
	twice := strings.Repeat(" symref=HEAD:refs/heads/trunk", 500)
	return append(all, served("the same symref five hundred times", "finding 2: equal symrefs made git spin", complete, func(s *server) {
		tip, _, _ := strings.Cut(s.refs[0], " ")
		s.first = says(advertisement, serviceLine+lines(tip+" HEAD\x00side-band-64k"+twice, s.refs[0])+"0000")
		s.fetch = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", result)
			fmt.Fprint(w, "0008NAK\n"+banded(s.pack.bytes())+"0000")
		}
	}))
}

// lists are answers to ls-refs.
func lists() (all []Case) {
	twice := Outcome{Code: rehome.CorruptObject, Says: []string{"does not keep to Git's protocol"}}
	lost := Outcome{Code: rehome.CorruptObject, Says: []string{"refs/heads/lost"}}
	for name, c := range map[string]struct {
		list []string // TIP stands for the id of trunk
		want Outcome
	}{
		"a ref twice":                   {[]string{"TIP refs/heads/trunk", absent + " refs/heads/trunk"}, twice},
		"a ref to nothing":              {[]string{"TIP refs/heads/trunk", absent + " refs/heads/lost"}, lost},
		"a ref without id":              {[]string{"refs/heads/trunk"}, nothing},
		"an id of SHA-256":              {[]string{strings.Repeat("ab", 32) + " refs/heads/trunk"}, nothing},
		"a name with a line feed":       {[]string{"TIP refs/heads/a\nb"}, nothing},
		"a name with a zero":            {[]string{"TIP refs/heads/a\x00b"}, nothing},
		"no name":                       {[]string{"TIP "}, nothing},
		"something peeled that is none": {[]string{"TIP refs/tags/a peeled:x"}, nothing},
		"HEAD that is HEAD":             {[]string{"TIP HEAD symref-target:HEAD", "TIP refs/heads/trunk"}, complete},
		"a circle of symrefs":           {[]string{"TIP HEAD symref-target:refs/heads/a", "TIP refs/heads/a symref-target:refs/heads/b", "TIP refs/heads/b symref-target:refs/heads/a"}, complete},
		"HEAD out of the repository":    {[]string{"TIP HEAD symref-target:../../../../etc/passwd", "TIP refs/heads/trunk"}, complete},
		"HEAD with orders to terminals": {[]string{"TIP HEAD symref-target:refs/heads/\x1b[2J", "TIP refs/heads/trunk"}, complete},
		"names out of the repository":   {[]string{"TIP refs/heads/trunk", "TIP refs/heads/../../hooks/post-receive", "TIP refs/heads/a/../../../config"}, Outcome{Skipped: "refs/heads/../../hooks/post-receive"}},
		"names of other files":          {[]string{"TIP refs/heads/trunk", "TIP config", "TIP hooks/update", "TIP refs/heads/a.lock"}, Outcome{Skipped: "refs/heads/a.lock"}},
		"a branch like an id":           {[]string{"TIP refs/heads/trunk", "TIP refs/heads/" + absent}, complete},
		"names that are options":        {[]string{"TIP refs/heads/trunk", "TIP refs/heads/--upload-pack=id", "TIP --output=x"}, complete},
		"a folder that is a ref":        {[]string{"TIP refs/heads/trunk", "TIP refs/heads/trunk/a"}, Outcome{Skipped: "refs/heads/trunk/a"}},
		"no refs":                       {nil, complete},
	} {
		all = append(all, served("refs: "+name, "lies of a list of refs", c.want, func(s *server) {
			tip, _, _ := strings.Cut(s.refs[0], " ")
			for i, line := range c.list {
				c.list[i] = strings.ReplaceAll(line, "TIP", tip)
			}
			s.list = says(result, lines(c.list...)+"0000")
		}))
	}
	return all
}

// banded is data in the first band.
func banded(data []byte) string {
	var b strings.Builder
	for piece := range slices.Chunk(data, 60_000) {
		fmt.Fprintf(&b, "%04x\x01%s", len(piece)+5, piece)
	}
	return b.String()
}

// fetches are answers to a fetch.
func fetches() []Case {
	var all []Case
	for name, c := range map[string]struct {
		answer string // PACK stands for a good pack in bands
		want   Outcome
	}{
		"unasked packfile-uris":             {lines("packfile-uris", absent+" CANARY") + "0001" + lines("packfile") + "PACK0000", malformed},
		"unasked wanted-refs":               {lines("wanted-refs", absent+" refs/heads/trunk") + "0001" + lines("packfile") + "PACK0000", malformed},
		"unasked acknowledgments":           {lines("acknowledgments", "NAK") + "0001" + lines("packfile") + "PACK0000", malformed},
		"unasked bundle-uri":                {lines("bundle.version=1", "bundle.a.uri=CANARY") + "0000", malformed},
		"unasked shallow lines":             {lines("shallow-info", "shallow "+absent) + "0001" + lines("packfile") + "PACK0000", Outcome{Code: rehome.SourceShallow}},
		"a section unheard of":              {lines("x") + "0001" + lines("packfile") + "PACK0000", malformed},
		"HTML":                              {"<html>", malformed},
		"nothing":                           {"", halfway},
		"no pack":                           {lines("packfile") + "0000", halfway},
		"a delimiter in the bands":          {lines("packfile") + "0001PACK0000", malformed},
		"band 0":                            {lines("packfile") + "0006\x00xPACK0000", malformed},
		"band 4":                            {lines("packfile") + "0006\x04xPACK0000", malformed},
		"band 255":                          {lines("packfile") + "0006\xffxPACK0000", malformed},
		"an empty band":                     {lines("packfile") + "0004PACK0000", malformed},
		"no flush":                          {lines("packfile") + "PACK", halfway},
		"bytes after the pack":              {lines("packfile") + "PACK0009\x01more0000", Outcome{Code: rehome.CorruptObject, Says: []string{"damaged"}}},
		"a second pack":                     {lines("packfile") + "PACKPACK0000", Outcome{Code: rehome.CorruptObject, Says: []string{"damaged"}}},
		"orders to terminals as progress":   {lines("packfile") + "0014\x02\x1b[2J\x1b]0;x\x07\u202e\r\nPACK0000", complete},
		"a refusal":                         {lines("ERR upload-pack: not our \x1b[2Jref\x07"), Outcome{Code: rehome.SourceCutOff, Says: []string{"not our"}}},
		"an error with orders to terminals": {lines("packfile") + "0013\x03quota\x1b[31m\x07\u202e", Outcome{Code: rehome.SourceCutOff, Says: []string{"quota"}}},
		"an error as long as a line":        {lines("packfile") + "fff0\x03" + strings.Repeat("no\x07 \x1b[2J", 9000)[:65515], halfway},
	} {
		all = append(all, served("fetch: "+name, "lies of an answer to a fetch", c.want, func(s *server) {
			answer := strings.ReplaceAll(c.answer, "CANARY", s.at.Canary)
			s.fetch = func(w http.ResponseWriter, r *http.Request) {
				says(result, strings.ReplaceAll(answer, "PACK", banded(s.pack.bytes())))(w, r)
			}
		}))
	}
	for name, more := range map[string]string{"progress": "fff0\x02" + strings.Repeat("\x1b[2J", 16379)[:65515], "signs of life": "0005\x01"} {
		all = append(all, served("fetch: "+name+" without end", "streams without end", malformed, func(s *server) { s.fetch = endlessly(result, lines("packfile"), more) }))
	}
	return append(all, oldFetches()...)
}

// oldFetches are answers of version 0.
func oldFetches() (all []Case) {
	for name, c := range map[string]struct {
		answer string
		want   Outcome
	}{
		"ACK":                    {lines("ACK "+absent) + "PACK0000", malformed},
		"NAK twice":              {lines("NAK", "NAK") + "PACK0000", malformed},
		"ACK that is ready":      {lines("ACK "+absent+" ready", "NAK") + "PACK0000", malformed},
		"nonsense":               {lines("XYZ") + "PACK0000", malformed},
		"unasked shallow lines":  {lines("shallow "+absent, "NAK") + "PACK0000", Outcome{Code: rehome.SourceShallow}},
		"a flush in place of it": {"0000PACK0000", malformed},
	} {
		all = append(all, served("fetch of version 0: "+name, "lies of an answer to a fetch", c.want, func(s *server) {
			tip, _, _ := strings.Cut(s.refs[0], " ")
			s.first = says(advertisement, serviceLine+lines(tip+" HEAD\x00side-band-64k symref=HEAD:"+trunk, s.refs[0])+"0000")
			s.fetch = func(w http.ResponseWriter, r *http.Request) {
				says(result, strings.ReplaceAll(c.answer, "PACK", banded(s.pack.bytes())))(w, r)
			}
		}))
	}
	return all
}
