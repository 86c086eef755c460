package rehome_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the house: a package imports lower floors only, never a sibling.
// A new package belongs in this table before it can be imported.
var floors = map[string]int{
	"":                        0,
	"internal/git/object":     0,
	"internal/git/inflate":    0,
	"internal/git/attributes": 0,
	"internal/git/deflate":    0,
	"internal/git/history":    0,
	"internal/glob":           0,
	"internal/mailmap":        0,
	"internal/git/pack":       0,
	"internal/git/protocol":   0,
	"internal/compute":        0,
	"internal/disk":           0,
	"internal/fault":          0,
	"internal/terminal":       0,

	"internal/egress":  1,
	"internal/seal":    1,
	"internal/bucket":  1,
	"internal/wire":    1,
	"internal/remote":  1,
	"internal/pgline":  1,
	"internal/picture": 1,

	"internal/git/cage":  2,
	"internal/git/repo":  2,
	"internal/submodule": 2,
	"internal/lfs":       2,
	"internal/store":     2,
	"internal/shelf":     2,

	"internal/bucket/buckettest": 2,

	"internal/git/transport":   3,
	"internal/source":          3,
	"internal/survey":          3,
	"internal/lfs/transfer":    3,
	"internal/rewrite":         3,
	"internal/rewrite/content": 3,
	"internal/store/storetest": 3,
	"internal/forge":           3,
	"internal/claim":           3,

	"internal/destination/split": 3,

	"internal/source/git":  4,
	"internal/host":        4,
	"internal/destination": 4,
	"internal/lfs/server":  4,

	"internal/importer": 5,
	"internal/queue":    5,
	"internal/auth":     5,
	"internal/webhook":  5,
	"internal/carry":    5,
	"internal/batch":    5,
	"internal/verify":   5,
	"internal/backup":   5,
	"internal/metrics":  5,

	"internal/api":   6,
	"internal/web":   6,
	"internal/check": 6,

	"cmd/rehome":     7,
	"e2e":            7,
	"e2e/crash":      7,
	"internal/bench": 7,
}

// doors are the arrows allowed between packages of one floor.
var doors = map[string][]string{
	"internal/git/deflate":  {"internal/git/inflate"}, // its tests inflate what it made
	"internal/git/pack":     {"internal/git/object", "internal/git/inflate", "internal/git/deflate", "internal/compute"},
	"internal/git/protocol": {"internal/git/object"},
	"internal/git/history":  {"", "internal/git/object", "internal/git/pack"},
	"internal/mailmap":      {""},
	"internal/rewrite":      {"internal/rewrite/content"},
	"internal/bucket":       {"internal/bucket/buckettest"}, // its tests pass the suite every bucket passes
	"internal/store":        {"internal/store/storetest"},   // its tests pass the suite every database passes
}

// testSupport is imported by tests, e2e and the benchmarks only, and imports what it likes of floors 0 to 2.
var testSupport = []string{"internal/testenv", "internal/testenv/hostile", "internal/api/described"}

const testSupportFloor = 2

func TestArrowsPointDown(t *testing.T) {
	for dir, files := range packages(t) {
		if _, known := floors[dir]; !known && !slices.Contains(testSupport, dir) {
			t.Errorf("%q is missing from the table of floors in arrows_test.go", dir)
			continue
		}
		for _, f := range files {
			for _, imported := range inner(f.syntax) {
				if why := wrong(dir, imported, f.test); why != "" {
					t.Errorf("%s imports %s: %s", f.name, imported, why)
				}
			}
		}
	}
}

func TestFloorsHoldNoGhosts(t *testing.T) {
	have := packages(t)
	for dir := range floors {
		if have[dir] == nil {
			t.Errorf("%q stands in the table of floors, but there is no such package", dir)
		}
	}
}

func TestRootImportsTheStandardLibraryOnly(t *testing.T) {
	for _, f := range packages(t)[""] {
		if f.test {
			continue
		}
		for _, spec := range f.syntax.Imports {
			if p := unquote(spec); strings.Contains(strings.Split(p, "/")[0], ".") || strings.HasPrefix(p, module) {
				t.Errorf("%s imports %s", f.name, p)
			}
		}
	}
}

// wrong says why a file of dir may not import the other package, "" when it may.
func wrong(dir, imported string, test bool) string {
	if slices.Contains(testSupport, imported) {
		if test || dir == "e2e" || dir == "internal/bench" || slices.Contains(testSupport, dir) {
			return ""
		}
		return "it is there for tests"
	}
	if dir == imported && test {
		return ""
	}
	to, known := floors[imported]
	if !known {
		return "it is missing from the table of floors"
	}
	from := floors[dir]
	if slices.Contains(testSupport, dir) {
		from = testSupportFloor + 1
	}
	if to < from || slices.Contains(doors[dir], imported) {
		return ""
	}
	return "arrows point down, to lower floors only"
}

const module = "rehome"

// file is one Go file of this module.
type file struct {
	name   string
	test   bool
	syntax *ast.File
	lines  int
}

// packages parses every Go file of this module by the folder it lies in; "" is the root.
// Folders with a go.mod of their own are other modules.
func packages(t *testing.T) map[string][]file {
	t.Helper()
	found := map[string][]file{}
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (elsewhere(name) || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		syntax, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(name))
		if dir == "." {
			dir = ""
		}
		lines := set.File(syntax.Pos()).LineCount()
		found[dir] = append(found[dir], file{name, strings.HasSuffix(name, "_test.go"), syntax, lines})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// elsewhere reports whether dir is the root of another module.
func elsewhere(dir string) bool {
	matches, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return len(matches) > 0
}

// inner lists the imports of a file that belong to this module, as folders.
func inner(f *ast.File) []string {
	var dirs []string
	for _, spec := range f.Imports {
		p := unquote(spec)
		if p == module {
			dirs = append(dirs, "")
		} else if rest, ok := strings.CutPrefix(p, module+"/"); ok {
			dirs = append(dirs, rest)
		}
	}
	return dirs
}

func unquote(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}
