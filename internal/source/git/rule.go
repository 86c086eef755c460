package git

import "strings"

// LeftByRule reports whether a ref of that name stays behind by rule; any other ref that
// a Result lists as skipped could not be carried.
func LeftByRule(name string) bool {
	for _, rule := range leftOut {
		if strings.HasPrefix(name, rule.prefix) {
			return true
		}
	}
	return false
}
