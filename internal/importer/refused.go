package importer

import (
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/store"
)

// refusedError is the error for refs that a destination did not take, with its words for the first of them; nil
// for none.
func refusedError(refused []destination.Refusal, wrote map[string]store.WrittenRef) error {
	if len(refused) == 0 {
		return nil
	}
	hint, onlyMoved := "", true
	var each []string
	for n, r := range refused {
		if hint == "" {
			hint = r.Hint
		}
		onlyMoved = onlyMoved && r.Moved
		if n < maxNamed {
			each = append(each, fmt.Sprintf("%s (%s)", rehome.Clean(r.Name, 200), r.Words))
		}
	}
	if onlyMoved {
		return moved(refused[0].Name, wrote[refused[0].Name].Wrote)
	}
	if len(refused) > maxNamed {
		each = append(each, fmt.Sprintf("and %d more", len(refused)-maxNamed))
	}
	if hint == "" {
		hint = "Change the rule there, or leave such refs behind with {exclude_refs}, and start the import again."
	}
	what := "a ref"
	if len(refused) > 1 {
		what = fmt.Sprintf("%d refs", len(refused))
	}
	return &rehome.Error{
		Code: rehome.DestinationRefused, Hint: hint,
		Message: fmt.Sprintf("The destination refused %s: %s.", what, strings.Join(each, "; ")),
	}
}
