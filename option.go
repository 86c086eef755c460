package rehome

import "regexp"

// In hints an option stands as {name} or {name: value}, by its name in the API, as in {on_divergence: skip}: what it is
// called depends on the door through which the hint is read.
var option = regexp.MustCompile(`\{([a-z][a-z_]*)(?:: ([a-z_,]+))?\}`)

// SpellOptions writes the options of a hint as a door has them. spell gives one in its words; value is "" where none
// stands there. False leaves it as it is.
func SpellOptions(hint string, spell func(name, value string) (string, bool)) string {
	return option.ReplaceAllStringFunc(hint, func(mark string) string {
		parts := option.FindStringSubmatch(mark)
		if text, ok := spell(parts[1], parts[2]); ok {
			return text
		}
		return mark
	})
}
