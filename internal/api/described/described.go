// Package described checks answers against the description of the API that a server gives.
package described

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Description is an OpenAPI 3.1 description to hold answers against. It is safe for concurrent use.
//
// Besides OpenAPI's own it reads these keys: x-rehome-access of an operation; x-rehome-twins, which maps the
// beginning of a path to another one below which everything is, too; x-rehome-headers, of every answer;
// x-rehome-otherwise, responses where nothing is described; and x-rehome-preflight, responses to OPTIONS.
type Description struct {
	Operations []Operation // sorted by path and method, twins left out

	root  map[string]any
	twins map[string]string // from the twin to what is described

	mu      sync.Mutex
	schemas *jsonschema.Compiler // guarded by mu
}

// Operation is what can be done at a path.
type Operation struct {
	Method, Path string
	ID           string // as clients call it: "migrations/start-import"
	Access       string // who may, a word of the description's own; "" when it does not say

	at node
}

// Statuses are those an operation is described to answer.
func (o Operation) Statuses() []string { return o.at.child("responses").keys() }

// where the description is as the compiler of schemas knows it.
const where = "description:///openapi.json"

const enterprise = "/api/v3"

// Parse reads a description in JSON. All of its schemas have to be valid, and the examples of those that are kept for reuse.
func Parse(text []byte) (*Description, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse description: %w", err)
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("parse description: it is no object")
	}
	d := &Description{root: root, twins: map[string]string{}, schemas: jsonschema.NewCompiler()}
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	d.schemas.AssertFormat()
	d.schemas.AssertContent()
	if err := d.schemas.AddResource(where, value); err != nil {
		return nil, fmt.Errorf("parse description: %w", err)
	}
	top := d.top()
	for _, twin := range top.child("x-rehome-twins").keys() {
		d.twins[twin] = top.child("x-rehome-twins").text(twin)
	}
	for _, path := range top.child("paths").keys() {
		item := top.child("paths").child(path)
		for _, method := range []string{"delete", "get", "patch", "post", "put"} {
			if at := item.child(method); at.value != nil {
				d.Operations = append(d.Operations, Operation{strings.ToUpper(method), path, at.text("operationId"), at.text("x-rehome-access"), at})
			}
		}
	}
	return d, d.compile(top)
}

// compile compiles every schema below at.
func (d *Description) compile(at node) error {
	var all error
	for _, key := range at.keys() {
		below := at.child(key)
		var err error
		switch {
		case key == "schema" && !strings.HasSuffix(at.pointer, "/properties"):
			_, err = d.schema(below)
		case at.pointer == "/components" && key == "schemas":
			for _, name := range below.keys() {
				err = errors.Join(err, d.checkExamples(below.child(name)))
			}
		case key != "example" && key != "examples":
			err = d.compile(below)
		}
		all = errors.Join(all, err)
	}
	return all
}

// checkExamples wants a schema's examples to be some.
func (d *Description) checkExamples(at node) error {
	schema, err := d.schema(at)
	if err != nil {
		return err
	}
	examples := at.child("examples")
	for _, n := range examples.keys() {
		if wrong := schema.Validate(examples.child(n).value); wrong != nil {
			err = errors.Join(err, fmt.Errorf("example %s of %s: %w", n, at.pointer, wrong))
		}
	}
	return err
}

func (d *Description) schema(at node) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	u.Fragment = at.pointer
	return d.schemas.Compile(u.String())
}

// find returns the operation that a method and an escaped path lead to. HEAD leads to what GET does.
func (d *Description) find(method, path string) (Operation, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if rest, ok := strings.CutPrefix(path, enterprise+"/"); ok {
		path = "/" + rest
	}
	for _, o := range d.Operations {
		if o.Method == method && slices.ContainsFunc(d.Forms(o), func(pattern string) bool { return fits(pattern, path) }) {
			return o, true
		}
	}
	return Operation{}, false
}

// Forms are the paths at which an operation is, its own and those of its twins; each of them below /api/v3, too.
func (d *Description) Forms(o Operation) []string {
	forms := []string{o.Path}
	for twin, of := range d.twins {
		if rest, ok := strings.CutPrefix(o.Path, of); ok {
			forms = append(forms, twin+rest)
		}
	}
	return forms
}

// fits reports whether a path is one of a pattern's, whose {names} fit one segment each.
func fits(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, have, func(w, h string) bool {
		return w == h || strings.HasPrefix(w, "{") && h != ""
	})
}
