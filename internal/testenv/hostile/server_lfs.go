package hostile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rehome"
)

// content is what the Git LFS file of each of these repositories holds.
const content = "content of a large file\n"

// contentID is its id.
var contentID = func() string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}()

// newLarge has one commit with a pointer in it, and files besides.
func newLarge(t testing.TB, at Ground, files map[string]string) *server {
	r := newRepository(t, at)
	entries := []string{}
	for name, text := range files {
		entries = append(entries, entry("100644", name, r.blob(text)))
	}
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", contentID, len(content))
	entries = append(entries, entry("100644", "large.bin", r.blob(pointer)))
	slices.Sort(entries)
	r.trunk(r.commit(r.tree(entries...)))
	r.files[contentID] = content
	return &server{repository: r}
}

// large is a case whose Git LFS server is hostile.
func large(name, why string, want Outcome, change func(s *server)) Case {
	return Case{Name: "Git LFS: " + name, Why: why, Want: want, Open: func(t testing.TB, at Ground) Source {
		s := newLarge(t, at, nil)
		change(s)
		return Source{Handler: s}
	}}
}

var (
	lacking      = Outcome{Code: rehome.LFSMissing}
	barred       = Outcome{Code: rehome.LFSMissing, Says: []string{"this server may not connect to"}}
	barredConfig = Outcome{Code: rehome.LFSMissing, Says: []string{"This server may not connect to the source's Git LFS server"}}
)

func largeFiles() []Case {
	return slices.Concat(links(), batches(), bodies(), configs())
}

// answered is an answer to a batch with one object, and what is said of it besides.
func answered(more map[string]any) http.HandlerFunc {
	object := map[string]any{"oid": contentID, "size": len(content)}
	for name, value := range more {
		object[name] = value
	}
	text, err := json.Marshal(map[string]any{"transfer": "basic", "objects": []any{object}})
	if err != nil {
		panic(err) // it is made here
	}
	return says(lfsMedia, string(text))
}

// download is an answer with a link.
func download(href string, header map[string]string) http.HandlerFunc {
	return answered(map[string]any{"actions": map[string]any{"download": map[string]any{"href": href, "header": header}}})
}

// links are where a batch's answer leads.
func links() (all []Case) {
	for _, host := range []string{"127.0.0.2", "127.2", "2130706434", "[::1]", "[::ffff:7f00:2]", "localhost", "0"} {
		all = append(all, large("link to "+host, "an LFS server on an internal host", barred, func(s *server) {
			s.batch = download(s.at.trap("http", host), nil)
		}), large("link redirected to "+host, "an LFS server on an internal host", barred, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) { download("http://"+r.Host+"/away", nil)(w, r) }
			s.other = leads(http.StatusFound, s.at.trap("http", host))
		}))
	}
	for _, href := range []string{"http://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "http://metadata.google.internal/"} {
		all = append(all, away([]Case{large("link to "+href, "metadata", barred, func(s *server) {
			s.at.Names.Set("metadata.google.internal", "169.254.169.254")
			s.batch = download(href, map[string]string{"Metadata-Flavor": "Google", "X-aws-ec2-metadata-token": "x"})
		})})...)
	}
	for _, href := range []string{"", "file:///etc/passwd", "ssh://127.0.0.1/x", "http://u:p@127.0.0.1/x", "http://[::1", "http://127.0.0.1\r\nX: y/", "objects/1", "//127.0.0.1/x", "http://%31/"} {
		all = append(all, large(fmt.Sprintf("link %q", href), "links that are none", lacking, func(s *server) { s.batch = download(href, nil) }))
	}
	for name, header := range map[string]map[string]string{
		"line feed": {"X-A": "a\r\nX-Canary: b"}, "zero": {"X-A": "a\x00"}, "colon": {"X-A: b\r\nX-Canary": "a"}, "no name": {"": "a"},
	} {
		all = append(all, large("a header with a "+name, "CR/LF in headers (CVE-2024-53263)", lacking, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				download("http://"+r.Host+"/r.git/lfs/"+contentID, header)(w, r)
			}
		}))
	}
	return append(all,
		large("link to another origin", "credentials sent to another origin", complete, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				download(s.at.Stranger+"/r.git/lfs/"+contentID, nil)(w, r)
			}
		}),
		large("link redirected to another origin", "credentials sent to another origin", complete, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				download("http://"+r.Host+"/away", map[string]string{"Private-Token": password(r)})(w, r)
			}
			s.other = leads(http.StatusFound, s.at.Stranger+"/r.git/lfs/"+contentID)
		}),
		large("a link to verify a download at", "links that nobody asked for", complete, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				here := map[string]any{"href": "http://" + r.Host + "/r.git/lfs/" + contentID}
				there := map[string]any{"href": s.at.trap("http", "127.0.0.1")}
				answered(map[string]any{"actions": map[string]any{"download": here, "verify": there, "upload": there}})(w, r)
			}
		}),
		large("links that have run out", "loops", lacking, func(s *server) {
			s.batch = s.atMost(20, answered(map[string]any{"actions": map[string]any{"download": map[string]any{"href": s.at.trap("http", "127.0.0.2"), "expires_at": "1970-01-01T00:00:00Z"}}}))
		}),
	)
}

// batches are answers that are hardly one.
func batches() []Case {
	say := func(name string, want Outcome, h http.HandlerFunc) Case {
		return large(name, "lies of a batch's answer", want, func(s *server) { s.batch = s.atMost(40, h) })
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999999999999999")
			w.WriteHeader(code)
		}
	}
	ten := make([]string, 10_000)
	for i := range ten {
		ten[i] = fmt.Sprintf(`{"oid": "%064x", "size": 1, "actions": {"download": {"href": "http://127.0.0.2/%d"}}}`, i, i)
	}
	return slices.Concat([]Case{
		say("HTML", lacking, says("text/html", "<html>sign in")),
		say("no JSON", lacking, says(lfsMedia, "{")),
		say("nothing in it", lacking, says(lfsMedia, "{}")),
		say("nulls", lacking, says(lfsMedia, `{"transfer": null, "objects": [null, {"oid": null, "actions": {"download": null}}]}`)),
		say("numbers for words", lacking, says(lfsMedia, `{"transfer": 7, "objects": 7}`)),
		say("a thousand brackets", lacking, says(lfsMedia, strings.Repeat("[", 100_000))),
		say("without end", lacking, endlessly(lfsMedia, `{"objects": [`, `{"oid": "x"},`)),
		say("other ids", lacking, says(lfsMedia, `{"objects": [`+strings.Join(ten[:100], ",")+`]}`)),
		say("ten thousand links", lacking, says(lfsMedia, `{"objects": [`+strings.Join(ten, ",")+`]}`)),
		say("another size", lacking, answered(map[string]any{"size": 7})),
		say("a size below zero", lacking, answered(map[string]any{"size": -1})),
		say("another transfer", lacking, says(lfsMedia, `{"transfer": "custom\u001b[2J", "objects": []}`)),
		say("another hash", lacking, says(lfsMedia, `{"hash_algo": "md5", "objects": []}`)),
		say("an error with orders to terminals", lacking, answered(map[string]any{"error": map[string]any{"code": 404, "message": "\x1b[2Jno\x07\u202e"}})),
		say("401 for ever", Outcome{Code: rehome.CredentialsRefused}, status(401)),
		say("429 for ever", unreachable, status(429)),
		say("503 for ever", unreachable, status(503)),
		say("404", lacking, status(404)),
		large("a batch redirected to a forbidden address", "redirects to internal hosts", barred, func(s *server) { s.batch = leads(307, s.at.trap("http", "127.0.0.2")) }),
		large("a batch redirected without end", "loops", lacking, func(s *server) { s.batch = s.atMost(20, leads(307, "/r.git/info/lfs/objects/batch")) }),
		large("a batch redirected to a file", "redirects to internal hosts", lacking, func(s *server) { s.batch = leads(307, "file:///etc/passwd") }),
		large("a batch redirected to another origin", "credentials sent to another origin", complete, func(s *server) { s.batch = leads(307, s.at.Stranger+"/r.git/info/lfs/objects/batch") }),
		large("the password in an error", "credentials in error texts", lacking, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				answered(map[string]any{"error": map[string]any{"code": 404, "message": "no " + password(r)}})(w, r)
			}
		}),
	}, away([]Case{
		large("the password in the host of a link", "credentials in error texts", lacking, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) { download("http://"+password(r)+".example/x", nil)(w, r) }
		}),
		large("the password in a forbidden host", "credentials in error texts", barred, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) {
				name := password(r) + ".inside.example"
				s.at.Names.Set(name, "127.0.0.2")
				download(s.at.trap("http", name), nil)(w, r)
			}
		}),
	}))
}

// bodies are objects that are others.
func bodies() (all []Case) {
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want Outcome
	}{
		"other bytes":    {says("application/octet-stream", strings.ToUpper(content)), lacking},
		"too few bytes":  {says("application/octet-stream", content[:5]), lacking},
		"too many bytes": {says("application/octet-stream", content+"more"), lacking},
		"no end":         {endlessly("application/octet-stream", content, "more"), lacking},
		"a page":         {says("text/html", "<html>sign in"), lacking},
		"a gzip bomb":    {squeezed("application/octet-stream"), lacking},
		"404":            {http.NotFound, lacking},
		"416":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) }, lacking},
	} {
		all = append(all, large("an object with "+name, "wrong bytes", c.want, func(s *server) {
			s.batch = func(w http.ResponseWriter, r *http.Request) { download("http://"+r.Host+"/away", nil)(w, r) }
			s.other = s.atMost(40, c.h)
		}))
	}
	return all
}

// configs are .lfsconfig files, which anybody can write.
func configs() (all []Case) {
	for url, want := range map[string]Outcome{
		"http://127.0.0.2:PORT/lfs": barredConfig, "http://localhost:PORT/lfs": barredConfig, "http://[::1]:PORT/lfs": barredConfig, "http://2130706434:PORT/lfs": barredConfig, "http://169.254.169.254/": barredConfig,
		"http://inside.example:PORT/": barredConfig, "STRANGER/r.git/info/lfs": complete, "STRANGER/closed/r.git/info/lfs": {Code: rehome.LFSMissing, Says: []string{"wants a user name and password of its own"}},
		"http://ada:secret@127.0.0.2:PORT/": lacking, "file:///etc": lacking, "ssh://git@127.0.0.2/r": lacking, "http://": lacking,
	} {
		elsewhere := strings.Contains(url, "169.254.") || strings.Contains(url, ".example")
		all = append(all, Case{Name: "Git LFS: .lfsconfig with " + url, Why: "an LFS server on an internal host", Away: elsewhere, Want: want, Open: func(t testing.TB, at Ground) Source {
			at.Names.Set("inside.example", "127.0.0.2")
			url := strings.NewReplacer("PORT", at.Canaries.Port, "STRANGER", at.Stranger).Replace(url)
			return Source{Handler: newLarge(t, at, map[string]string{".lfsconfig": "[lfs]\n\turl = " + url + "\n"})}
		}})
	}
	return all
}
