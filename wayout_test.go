package rehome_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// ways are what opens a connection, or looks a name up, by the package it is in. A name that ends in * stands for all
// that begin so.
var ways = map[string][]string{
	"net":                     {"Dial*", "Lookup*", "ResolveTCPAddr", "ResolveUDPAddr", "ResolveIPAddr", "Resolver", "DefaultResolver"},
	"net/http":                {"Get", "Head", "Post", "PostForm", "Client", "Transport", "DefaultClient", "DefaultTransport", "ProxyFromEnvironment", "ProxyURL"},
	"net/http/httputil":       {"NewSingleHostReverseProxy", "ReverseProxy"},
	"net/rpc":                 {"Dial*"},
	"net/smtp":                {"*"},
	"crypto/tls":              {"Dial*"},
	"golang.org/x/crypto/ssh": {"Dial*"},
	"golang.org/x/net/proxy":  {"*"},
	"syscall":                 {"Socket", "Connect"},
	"golang.org/x/sys/unix":   {"Socket", "Connect"},
}

// dialers are modules that open connections by themselves.
var dialers = []string{"github.com/minio/", "github.com/jackc/pgx/", "github.com/riverqueue/river/riverdriver/riverpgx", "github.com/google/go-github/"}

// waysOut are the places that may use them, each with the reason.
var waysOut = map[string]string{
	"internal/egress":                    "the only way out",
	"internal/bucket":                    "the operator's own object storage",
	"internal/store":                     "the operator's own database",
	"internal/queue":                     "the operator's own database",
	"internal/pgline":                    "the operator's own database",
	"internal/git/transport/identity.go": "a socket of the user's own SSH agent, on the command line",
	"internal/testenv":                   "for tests only",
	"internal/api/described":             "for tests only",
	"internal/bench":                     "measures a server on loopback",
}

// TestOneWayOut: whatever leaves this machine goes through egress, which judges where it may go.
func TestOneWayOut(t *testing.T) {
	used := map[string]bool{}
	for dir, files := range packages(t) {
		for _, f := range files {
			found := waysIn(f.syntax)
			if f.test || len(found) == 0 {
				continue
			}
			place := mayLeave(dir, f.name)
			if place == "" {
				t.Errorf("%s uses %s: connections are opened by internal/egress", f.name, strings.Join(found, ", "))
			}
			used[place] = true
		}
	}
	for place := range waysOut {
		if !used[place] {
			t.Errorf("%s opens no connection, and needs no leave to do so", place)
		}
	}
}

// mayLeave returns the entry of waysOut that a file falls under, "" for none.
func mayLeave(dir, name string) string {
	for place := range waysOut {
		if place == name || place == dir || strings.HasPrefix(dir, place+"/") {
			return place
		}
	}
	return ""
}

// waysIn lists the ways out that a file uses.
func waysIn(f *ast.File) (found []string) {
	names := map[string]string{} // what packages are called in f
	for _, spec := range f.Imports {
		p := unquote(spec)
		name := p[strings.LastIndexByte(p, '/')+1:]
		if slices.ContainsFunc(dialers, func(begin string) bool { return strings.HasPrefix(p, begin) }) {
			found = append(found, p)
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := s.X.(*ast.Ident); ok && of.Obj == nil && leaves(ways[names[of.Name]], s.Sel.Name) {
			found = append(found, of.Name+"."+s.Sel.Name)
		}
		return true
	})
	return found
}

func leaves(list []string, name string) bool {
	return slices.ContainsFunc(list, func(way string) bool {
		begin, open := strings.CutSuffix(way, "*")
		return way == name || open && strings.HasPrefix(name, begin)
	})
}
