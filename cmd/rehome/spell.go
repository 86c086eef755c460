package main

import (
	"strings"

	"rehome"
)

// spelled writes a hint in words of the command line: options as flags, and a further start as another run.
func spelled(hint string) string {
	hint = strings.NewReplacer("start the import again", "run the same command again", "Start the import again", "Run the same command again",
		"give --ca-file, or SSL_CERT_FILE on the command line", "name a file that has it in SSL_CERT_FILE").Replace(hint)
	return rehome.SpellOptions(hint, spell)
}

// spell gives an option of the API as a flag of rehome import.
func spell(name, value string) (string, bool) {
	switch name {
	case "prune", "allow_missing_lfs", "create", "on_divergence", "allow_faults":
		return strings.TrimSpace("--" + strings.ReplaceAll(name, "_", "-") + " " + value), true
	case "exclude_refs":
		return "--exclude-refs PATTERN", true
	case "ssh_key":
		return "--ssh-key FILE", true
	case "push_limit":
		return "--push-limit", true
	case "max_repository", "max_objects", "max_refs":
		return "--" + strings.ReplaceAll(name, "_", "-"), true
	case "authors":
		return "--authors FILE", true
	case "use_lfs":
		choice := map[string]string{"opt_in": "lfs", "opt_out": "remove", "undecided": "keep"}[value]
		return "--large-files " + choice, choice != ""
	}
	return "", false
}

// spelledEvent is an event whose hint is spelled.
func spelledEvent(e rehome.Event) rehome.Event {
	if e.ErrorEvent != nil {
		said := *e.ErrorEvent
		said.WhatToDo = spelled(said.WhatToDo)
		e.ErrorEvent = &said
	}
	return e
}
