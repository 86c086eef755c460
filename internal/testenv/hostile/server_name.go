package hostile

import (
	"net/http"
	"testing"

	"rehome"
)

// spellings are URLs that nobody has to be asked for to know that they lead nowhere good.
func spellings() (all []Case) {
	for _, host := range []string{
		"127.0.0.2", "127.2", "0x7f.2", "0x7f000002", "2130706434", "0177.0.0.2", "017700000002", "0", "0.0.0.0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.2]",
		"[::ffff:7f00:2]", "[::127.0.0.2]", "[64:ff9b::7f00:2]", "[2002:7f00:2::1]", "[::1%25lo]", "localhost", "LOCALHOST", "localhost.", "localhost..", "127.0.0.2.", "127.0.0.2..",
		"10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "198.18.0.1", "192.0.2.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]", "[fec0::1]",
		"good.example@127.0.0.2", `good.example\@127.0.0.2`, "127.0.0.2%00.example", "%31%32%37.0.0.2", "127.0.0.2\t", "good.example\r\nHost: x", "127.0.0.2%2f.example",
		"①②⑦.0.0.2", "-oProxyCommand=id", "",
	} {
		all = append(all, spelt("http://"+host+":9/r.git"))
	}
	for _, raw := range []string{
		"file:///etc/passwd", "ftp://good.example/r.git", "ext::sh -c id", "gopher://good.example/", "unix:///run/x.sock", "http:///r.git", "//good.example/r.git", "http:good.example", "--upload-pack=id",
		"ssh://-oProxyCommand=id/r.git", "ssh://git@127.0.0.2/r.git", "git@127.0.0.2:r.git", "git@[::1]:r.git", "git://127.0.0.2/r.git", "git://localhost/r.git", "ssh://git@localhost/r.git",
		"http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "https://2852039166/", "ssh://git@169.254.169.254/r.git", "git://100.100.100.200/r.git",
	} {
		all = append(all, spelt(raw))
	}
	return all
}

func spelt(raw string) Case {
	return Case{Name: "from " + raw, Why: "spellings of forbidden addresses", Want: refused, Open: func(testing.TB, Ground) Source { return Source{URL: raw} }}
}

// names resolve to what must not be reached.
func names() []Case {
	all := []Case{
		{Name: "an honest name", Why: "it has to work", Want: complete, Open: func(t testing.TB, at Ground) Source {
			at.Names.Set("honest.example", "127.0.0.1")
			return Source{URL: open(t, newServer(t, at), "honest.example")}
		}},
		{Name: "a name that moves between two connections", Why: "rebinding", Want: blocked, Open: func(t testing.TB, at Ground) Source {
			return at.rebound(t, "rebind.example", func(s *server, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				s.repository.ServeHTTP(w, r)
			})
		}},
		{Name: "a name that moves at a redirect", Why: "rebinding", Want: blocked, Open: func(t testing.TB, at Ground) Source {
			return at.rebound(t, "rebind-redirect.example", func(_ *server, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				http.Redirect(w, r, "http://"+r.Host+"/r.git"+tail+"&again", http.StatusFound)
			})
		}},
	}
	for name, answers := range map[string]string{
		"two-faced.example": "127.0.0.1 127.0.0.2", "two-faced-first.example": "127.0.0.2 127.0.0.1", "both.example": "127.0.0.1 ::1", "inside.example": "127.0.0.2", "ten.example": "10.0.0.1",
		"cloud.example": "169.254.169.254", "cloud6.example": "fd00:ec2::254", "cloud-nat64.example": "64:ff9b::a9fe:a9fe", "cloud-6to4.example": "2002:a9fe:a9fe::1", "mapped.example": "::ffff:127.0.0.2",
		"any.example": "0.0.0.0", "any6.example": "::", "alias.example": "localhost. 127.0.0.2", "127.0.0.2.sslip.example": "127.0.0.2", "metadata.google.internal": "169.254.169.254", "wire.example": "168.63.129.16",
		"dotted.example.": "127.0.0.2", "127。0。0。2": "127.0.0.2", "metadata": "169.254.169.254",
	} {
		all = append(all, named(name, answers, blocked))
	}
	for name, answers := range map[string]string{"gone.example": "NXDOMAIN", "failing.example": "SERVFAIL", "empty.example": "", "alias-to-nothing.example": "gone.example."} {
		all = append(all, named(name, answers, Outcome{Code: rehome.Unreachable, Says: []string{"the name cannot be resolved"}}))
	}
	return all
}

func named(name, answers string, want Outcome) Case {
	return Case{Name: "the name " + name + " is " + answers, Why: "any-of-several addresses, names of internal hosts", Want: want, Open: func(_ testing.TB, at Ground) Source {
		at.Names.Set(name, answers)
		return Source{URL: at.trap("http", name)}
	}}
}

// rebound is a server whose name is another address from the second look-up on, at which a canary listens.
func (at Ground) rebound(t testing.TB, name string, first func(*server, http.ResponseWriter, *http.Request)) Source {
	at.Names.Set(name, "127.0.0.1", "127.0.0.2")
	s := newServer(t, at)
	s.first = func(w http.ResponseWriter, r *http.Request) { first(s, w, r) }
	url := open(t, s, name)
	at.Canaries.listen(t, "127.0.0.2:"+portOf(t, url))
	return Source{URL: url}
}
