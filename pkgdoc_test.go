package rehome_test

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// The sizes a reader can take in.
const (
	maxFileLines    = 500
	maxStructFields = 15
	maxMethods      = 5
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for dir, files := range packages(t) {
		var docs []string
		sources := 0
		for _, f := range files {
			if f.test {
				continue
			}
			sources++
			if f.syntax.Doc != nil {
				docs = append(docs, f.syntax.Doc.Text())
			}
		}
		if sources == 0 {
			continue
		}
		if len(docs) != 1 {
			t.Errorf("%q has %d package comments, want 1", dir, len(docs))
			continue
		}
		name := files[0].syntax.Name.Name
		want := "Package " + strings.TrimSuffix(name, "_test") + " "
		if name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if !strings.HasPrefix(docs[0], want) {
			t.Errorf("the package comment of %q starts %.40q, want %q", dir, docs[0], want)
		}
	}
}

func TestFilesAndTypesStaySmall(t *testing.T) {
	for _, files := range packages(t) {
		for _, f := range files {
			if f.lines > maxFileLines {
				t.Errorf("%s has %d lines, want at most %d", f.name, f.lines, maxFileLines)
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok && !f.test {
					checkSize(t, f.name, spec)
				}
				return true
			})
		}
	}
}

func checkSize(t *testing.T, file string, spec *ast.TypeSpec) {
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		if n := typ.Fields.NumFields(); n > maxStructFields {
			t.Errorf("%s: struct %s has %d fields, want at most %d", file, spec.Name, n, maxStructFields)
		}
	case *ast.InterfaceType:
		if n := typ.Methods.NumFields(); n > maxMethods {
			t.Errorf("%s: interface %s has %d methods, want at most %d", file, spec.Name, n, maxMethods)
		}
	}
}
