package hostile

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"

	"rehome"
)

// echoes repeat the password that they were sent, wherever somebody may look.
func echoes() []Case {
	with := func(make func(s *server, password string) http.HandlerFunc) func(s *server) http.HandlerFunc {
		return func(s *server) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { make(s, password(r))(w, r) }
		}
	}
	first := func(format string) func(s *server) http.HandlerFunc {
		return with(func(_ *server, p string) http.HandlerFunc {
			return says(advertisement, serviceLine+lines(strings.ReplaceAll(format, "PW", p))+"0000")
		})
	}
	leading := func(format string) func(s *server) http.HandlerFunc {
		return with(func(s *server, p string) http.HandlerFunc {
			return leads(http.StatusFound, strings.NewReplacer("PW", p, "STRANGER", s.at.Stranger).Replace(format))
		})
	}
	asText := func(status int, spell func(string) string) func(s *server) http.HandlerFunc {
		return with(func(_ *server, p string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(status)
				io.WriteString(w, "no: "+spell(p)) //nolint:errcheck
			}
		})
	}
	plain := func(p string) string { return p }
	refusedThem := Outcome{Code: rehome.CredentialsRefused}
	wanted := Outcome{Code: rehome.CredentialsWanted}
	var all []Case
	for name, c := range map[string]struct {
		first func(s *server) http.HandlerFunc
		want  Outcome
	}{
		"a refusal":                         {first("ERR no PW here"), nothing},
		"a line that is no ref":             {first("PW"), nothing},
		"an object format":                  {first(absent + " HEAD\x00object-format=PW"), nothing},
		"an id":                             {first("PW HEAD"), nothing},
		"the service":                       {with(func(_ *server, p string) http.HandlerFunc { return says(advertisement, lines("# service="+p)) }), nothing},
		"the media type":                    {with(func(_ *server, p string) http.HandlerFunc { return says("text/"+p, "") }), nothing},
		"words of a 403":                    {asText(403, plain), refusedThem},
		"words of a 500":                    {asText(500, plain), unreachable},
		"words of a 403 in base64":          {asText(403, func(p string) string { return base64.StdEncoding.EncodeToString([]byte("ada:" + p)) }), refusedThem},
		"a redirect's host":                 {leading("http://PW.example/r.git" + tail), unreachable},
		"a redirect's port":                 {leading("http://127.0.0.1:PW/r.git" + tail), unreachable},
		"a redirect's path":                 {leading("STRANGER/closed/PW/r.git" + tail), wanted},
		"a redirect's path that is blocked": {leading("http://127.0.0.2/PW/r.git" + tail), blocked},
		"a redirect's user":                 {leading("http://PW@127.0.0.1/r.git" + tail), blocked},
		"a redirect's scheme":               {leading("PW://127.0.0.1/r.git" + tail), blocked},
		"a redirect to a refused port":      {leading("http://PW.refused.example:1/r.git" + tail), unreachable},
	} {
		elsewhere := name == "a redirect's host" || name == "a redirect to a refused port"
		all = append(all, Case{Name: "password in " + name, Why: "credentials in error texts", Away: elsewhere, Want: c.want, Open: served("", "", c.want, func(s *server) {
			s.first = c.first(s)
		}).Open})
	}
	return append(all, laterEchoes()...)
}

// laterEchoes repeat the password once they have been taken for a repository.
func laterEchoes() (all []Case) {
	for name, format := range map[string]string{
		"in place of the pack": "PW", "a section": "packfile-uris PW", "an error line": "ERR PW", "an id": "shallow PW",
	} {
		want := Outcome{Code: rehome.CorruptObject}
		if name == "an error line" {
			want = halfway
		}
		all = append(all, served("password in a fetch: "+name, "credentials in error texts", want, func(s *server) {
			s.fetch = func(w http.ResponseWriter, r *http.Request) {
				says(result, lines(strings.ReplaceAll(format, "PW", password(r))))(w, r)
			}
		}))
	}
	for name, c := range map[string]struct {
		band byte
		want Outcome
	}{"progress": {2, complete}, "an error": {3, halfway}, "a band unheard of": {9, malformed}} {
		all = append(all, served("password in a fetch: "+name, "credentials in error texts", c.want, func(s *server) {
			s.fetch = func(w http.ResponseWriter, r *http.Request) {
				p := password(r)
				says(result, lines("packfile")+fmt.Sprintf("%04x%c%s\n", len(p)+6, c.band, p)+banded(s.pack.bytes())+"0000")(w, r)
			}
		}))
	}
	return append(all, served("password in a ref to nothing", "credentials in error texts", Outcome{Code: rehome.CorruptObject}, func(s *server) {
		s.list = func(w http.ResponseWriter, r *http.Request) {
			says(result, lines(append(s.refs, absent+" refs/heads/"+password(r))...)+"0000")(w, r)
		}
	}), served("password in a pack's comment", "credentials in error texts", Outcome{Code: rehome.CorruptObject}, func(s *server) {
		s.fetch = func(w http.ResponseWriter, r *http.Request) {
			says(result, lines("packfile")+banded([]byte("PACK"+password(r)))+"0000")(w, r)
		}
	}))
}
