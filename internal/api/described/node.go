package described

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// node is a value in the description. That of nothing is nil.
type node struct {
	root    any
	value   any
	pointer string // to the value, as JSON pointers are written
}

func (d *Description) top() node { return node{root: d.root, value: d.root} }

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// child returns what is under key, a reference's target instead of the reference.
func (n node) child(key string) node {
	below := node{root: n.root, pointer: n.pointer + "/" + escape.Replace(key)}
	switch value := n.value.(type) {
	case map[string]any:
		below.value = value[key]
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(value) {
			below.value = value[i]
		}
	}
	return below.target()
}

// target follows a reference within the description. A schema's is left to the compiler, which knows more of them.
func (n node) target() node {
	object, ok := n.value.(map[string]any)
	ref, isRef := object["$ref"].(string)
	pointer, inside := strings.CutPrefix(ref, "#/")
	if !ok || !isRef || !inside || strings.HasPrefix(pointer, "components/schemas/") {
		return n
	}
	at := node{root: n.root, value: n.root}
	for _, key := range strings.Split(pointer, "/") {
		at = at.child(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
	}
	return at
}

// keys are an object's, sorted, or the indexes of an array.
func (n node) keys() []string {
	switch value := n.value.(type) {
	case map[string]any:
		return slices.Sorted(maps.Keys(value))
	case []any:
		keys := make([]string, len(value))
		for i := range value {
			keys[i] = strconv.Itoa(i)
		}
		return keys
	}
	return nil
}

// text is the string under key, "" for none.
func (n node) text(key string) string {
	text, _ := n.child(key).value.(string) //nolint:errcheck // another type is none
	return text
}

// is reports whether true is under key.
func (n node) is(key string) bool { return n.child(key).value == true }
