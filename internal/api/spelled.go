package api

import (
	"fmt"
	"strings"

	"rehome"
)

// spelled writes the options of a hint as members of a request's body, with the call where it is not the import's own.
func spelled(hint string) string { return rehome.SpellOptions(hint, member) }

// member gives an option as it stands in a body.
func member(name, value string) (string, bool) {
	switch name {
	case "prune", "allow_missing_lfs":
		return fmt.Sprintf("%q: true", name), true
	case "on_divergence", "create":
		text := fmt.Sprintf("%q: true", name)
		if value != "" {
			text = fmt.Sprintf("%q: %q", name, value)
		}
		return text + " at PUT …/import/destination", true
	case "use_lfs":
		return fmt.Sprintf("%q: %q at PATCH …/import/lfs", name, value), true
	case "push_limit":
		return "--push-limit of rehome serve", true
	case "allow_faults":
		return "--allow-faults " + value + " of rehome serve", true
	case "max_repository", "max_objects", "max_refs":
		return "--" + strings.ReplaceAll(name, "_", "-") + " of rehome serve", true
	case "authors":
		return "PUT …/import/authors", true
	case "exclude_refs", "ssh_key":
		return fmt.Sprintf("%q", name), true
	}
	return "", false
}
