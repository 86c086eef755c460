package hostile

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rehome"
)

// redirects lead the first request to where it must not go.
func redirects() []Case {
	return slices.Concat(away(toAddresses()), toSchemes(), toNowhere(), redirectsOfPosts(), toOrigins())
}

// hop is a case whose first request is led to a place.
func hop(name string, want Outcome, to func(at Ground) string) Case {
	return served("redirect to "+name, "redirects to internal hosts", want, func(s *server) {
		s.first = leads(http.StatusFound, to(s.at))
	})
}

func toAddresses() (all []Case) {
	for name, host := range map[string]string{
		"loopback": "127.0.0.2", "loopback's end": "127.255.255.254", "loopback of version 6": "[::1]", "a number": "2130706434", "a hexadecimal number": "0x7f000002",
		"an octal number": "0177.0.0.2", "a short address": "127.2", "a mapped address": "[::ffff:127.0.0.2]", "a mapped address in hex": "[::ffff:7f00:2]",
		"NAT64": "[64:ff9b::7f00:2]", "6to4": "[2002:7f00:2::1]", "a compatible address": "[::127.0.0.2]", "a zone": "[::1%25lo]", "localhost": "localhost", "localhost.": "localhost.",
		"zero": "0", "any address": "0.0.0.0", "any address of version 6": "[::]", "ten": "10.0.0.5", "192.168": "192.168.0.1", "carriers' NAT": "100.64.0.1", "link-local": "169.254.1.1",
		"multicast": "224.0.0.1", "reserved": "240.0.0.1", "wide digits": "１２７.0.0.2", "wide dots": "127。0。0。2", "a name with dots": "localhost..",
	} {
		all = append(all, hop(name, blocked, func(at Ground) string { return at.trap("http", host) + tail }))
	}
	for _, host := range []string{"169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "2852039166", "0xa9fea9fe"} {
		all = append(all, hop("metadata at "+host, blocked, func(Ground) string { return "http://" + host + "/latest/meta-data/iam/security-credentials/" }))
	}
	slices.SortFunc(all, func(a, b Case) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func toSchemes() (all []Case) {
	for _, to := range []string{"file:///etc/passwd", "ftp://127.0.0.1/r.git", "gopher://127.0.0.1/_x", "data:text/plain,x", "javascript:x", "ext::sh -c id", "git:r"} {
		all = append(all, hop(to, blocked, func(Ground) string { return to }))
	}
	for _, scheme := range []string{"ssh", "git"} {
		all = append(all, hop(scheme, blocked, func(at Ground) string { return at.trap(scheme, "127.0.0.1") }))
	}
	return all
}

func toNowhere() []Case {
	bad := unreachable
	bad.Says = []string{"redirects to what is no address"}
	often := unreachable
	often.Says = []string{"redirects too often"}
	return []Case{
		hop("a password of its own", blocked, func(at Ground) string { return at.trap("http", "127.0.0.1:1@127.0.0.2") + tail }),
		hop("a backslash", bad, func(at Ground) string { return at.trap("http", `127.0.0.1\@127.0.0.2`) + tail }),
		hop("a host in percents", bad, func(at Ground) string { return at.trap("http", "%31%32%37.0.0.2") + tail }),
		hop("a host with a zero", bad, func(at Ground) string { return at.trap("http", "127.0.0.2%00.example") + tail }),
		hop("a tab", bad, func(at Ground) string { return at.trap("http", "127.0.0.2\t") + tail }),
		hop("nothing", nothing, func(Ground) string { return "" }),
		hop("half an address", bad, func(Ground) string { return "http://[::1" }),
		served("redirect to itself", "redirects without end", often, func(s *server) { s.first = s.atMost(6, leads(http.StatusFound, "/r.git"+tail)) }),
		served("a hundred redirects", "redirects without end", often, func(s *server) {
			step := s.atMost(6, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, fmt.Sprintf("/%d/r.git%s", len(r.URL.Path), tail), http.StatusMovedPermanently)
			})
			s.first, s.other = step, step
		}),
		served("a redirect whose body never ends", "streams without end", complete, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("again") {
					s.repository.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Location", "/r.git"+tail+"&again")
				w.WriteHeader(http.StatusFound)
				endlessly("text/html", "", "moved ")(w, r)
			}
		}),
		served("a redirect to a page", "a login page is no repository", nothing, func(s *server) {
			s.first, s.other = leads(http.StatusFound, "/login"), says(advertisement, v2)
		}),
		served("a redirect to plain text", "a login page is no repository", nothing, func(s *server) {
			s.first, s.other = leads(http.StatusFound, "/elsewhere"+tail), says("text/plain", "sign in")
		}),
	}
}

func redirectsOfPosts() (all []Case) {
	moved := Outcome{Code: rehome.NotARepository, Says: []string{"redirects what may not be redirected"}}
	for _, status := range []int{301, 302, 303, 307, 308} {
		all = append(all, served(fmt.Sprintf("redirect %d of the list of refs", status), "a redirect after the first request", moved, func(s *server) {
			s.list = leads(status, s.at.trap("http", "127.0.0.2"))
		}))
	}
	return append(all, served("redirect of the fetch", "a redirect after the first request", moved, func(s *server) {
		s.fetch = leads(307, s.at.Stranger+"/r.git/git-upload-pack")
	}))
}

// toOrigins lead to an honest server elsewhere, which no password may come to.
func toOrigins() []Case {
	wanted := Outcome{Code: rehome.CredentialsWanted, Says: []string{"leads to another address"}}
	return []Case{
		served("honest redirect at the same host", "it has to work: a URL without .git", complete, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("again") {
					s.repository.ServeHTTP(w, r)
					return
				}
				if password(r) == "" {
					s.t.Error("no password came to its own origin")
				}
				http.Redirect(w, r, "//"+r.Host+"/r.git"+tail+"&again", http.StatusMovedPermanently)
			}
		}),
		served("redirect to another origin", "credentials sent along a redirect", complete, func(s *server) {
			s.first = leads(http.StatusFound, s.at.Stranger+"/r.git"+tail)
		}),
		served("redirect to another origin that asks for a password", "credentials sent along a redirect", wanted, func(s *server) {
			s.first = leads(http.StatusFound, s.at.Stranger+"/closed/r.git"+tail)
		}),
		served("redirect to another origin and back", "credentials sent along a redirect", Outcome{Code: rehome.CredentialsWanted}, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				if !r.URL.Query().Has("back") {
					leads(http.StatusFound, s.at.Stranger+"/back?to=http://"+r.Host+"/r.git/info/refs")(w, r)
					return
				}
				if password(r) != "" {
					s.t.Error("the password came by way of another origin")
				}
				w.WriteHeader(http.StatusUnauthorized)
			}
		}),
		{Name: "redirect of one name to another of the same machine", Away: true, Why: "credentials sent along a redirect", Want: complete, Open: func(t testing.TB, at Ground) Source {
			at.Names.Set("first.example", "127.0.0.1")
			at.Names.Set("second.example", "127.0.0.1")
			s := newServer(t, at)
			s.first = func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.Host, "second.") {
					if password(r) != "" {
						t.Error("the password came to another name")
					}
					s.repository.ServeHTTP(w, r)
					return
				}
				http.Redirect(w, r, "http://"+strings.Replace(r.Host, "first", "second", 1)+"/r.git"+tail, http.StatusFound)
			}
			return Source{URL: open(t, s, "first.example")}
		}},
	}
}
