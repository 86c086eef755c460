package importer

// renameDefault gives the default branch of the source, head, the short name wanted, where there is no such branch
// yet, and returns the full name of the default branch. "" for wanted changes nothing.
func renameDefault(final []finalRef, head, wanted string) string {
	name := "refs/heads/" + wanted
	if wanted == "" || head == "" || head == name {
		return head
	}
	was := -1
	for n, f := range final {
		if f.name == name {
			return name
		}
		if f.name == head {
			was = n
		}
	}
	if was >= 0 {
		final[was].name = name
	}
	return name
}
