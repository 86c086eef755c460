package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs are the pages that tell people what to type. docs/decisions tell what was, and are left out.
func docs(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"README.md", "ARCHITECTURE.md", "docs/*.md", "docs/guides/*.md"} {
		paths, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pages[path] = string(text)
		}
	}
	return pages
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z][a-z0-9-]*)`)
)

// commands asks the program for its commands and their flags: "token create" has owners.
func commands(t *testing.T, found map[string][]string, path ...string) {
	t.Helper()
	out, err := exec.Command(program, append(path, "--help")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	help := string(out)
	flags := []string{}
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		flags = append(flags, m[1])
	}
	found[strings.Join(path, " ")] = flags
	_, rest, _ := strings.Cut(help, "Available Commands:\n")
	rest, _, _ = strings.Cut(rest, "\n\n")
	for _, m := range helpCommand.FindAllStringSubmatch(rest, -1) {
		if m[1] != "help" {
			commands(t, found, append(slices.Clone(path), m[1])...)
		}
	}
}

var (
	inline    = regexp.MustCompile("`([^`\n]+)`")
	continued = regexp.MustCompile(`\\\n\s*`)
	runs      = regexp.MustCompile(`(?:^|[\s(]|bin/)rehome +([a-z][a-z-]*)(?: +([a-z][a-z-]*))?`)
	endsAt    = regexp.MustCompile(`[|;)]| && | # `)
	anyFlag   = regexp.MustCompile(`(?:^|[^\w-])--([a-z][a-z0-9-]*)`)
	variable  = regexp.MustCompile(`\bREHOME_[A-Z_]+`)
)

// code returns what a page shows as code: fenced and indented lines, and what stands between backquotes.
func code(text string) []string {
	var lines []string
	fenced := false
	for _, line := range strings.Split(continued.ReplaceAllString(text, " "), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced, strings.HasPrefix(line, "    "):
			lines = append(lines, line)
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				lines = append(lines, m[1])
			}
		}
	}
	return lines
}

// othersFlags are flags of git, git-lfs, git-filter-repo, curl, jq, gh, useradd, systemctl and containers that the pages name.
var othersFlags = strings.Fields("above arg data-binary delete everything force format home-dir hostname jq mailmap memory method mirror now partial pids-limit recurse-submodules shell system tags")

// besideFlags are the variables that no flag has: what they hold never stands in one.
var besideFlags = []string{"REHOME_ADMIN_TOKEN", "REHOME_DEST_PASSWORD", "REHOME_SOURCE_PASSWORD"}

// TestDocsCommands wants every command, flag and variable that the pages name to be there.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	known := map[string][]string{}
	commands(t, known)
	var every []string
	for _, flags := range known {
		every = append(every, flags...)
	}
	seen := 0
	for path, text := range docs(t) {
		for _, line := range code(text) {
			line = strings.ReplaceAll(line, "sudo -u rehome ", "")
			for _, at := range runs.FindAllStringSubmatchIndex(line, -1) {
				checkCommand(t, path, known, line, at)
				seen++
			}
		}
		for _, m := range anyFlag.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(every, m[1]) && !slices.Contains(othersFlags, m[1]) {
				t.Errorf("%s: no command has --%s", path, m[1])
			}
		}
		for _, name := range variable.FindAllString(text, -1) {
			flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "REHOME_")), "_", "-")
			if !slices.Contains(besideFlags, name) && !slices.Contains(every, flag) {
				t.Errorf("%s: there is no --%s for %s", path, flag, name)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d commands were found", seen)
	}
}

// checkCommand looks at one command of a line; at is a match of runs.
func checkCommand(t *testing.T, path string, known map[string][]string, line string, at []int) {
	t.Helper()
	name := line[at[2]:at[3]]
	if at[4] >= 0 {
		if _, ok := known[name+" "+line[at[4]:at[5]]]; ok {
			name += " " + line[at[4]:at[5]]
		}
	}
	flags, ok := known[name]
	if !ok {
		t.Errorf("%s: there is no rehome %s: %s", path, name, line)
		return
	}
	rest := line[at[1]:]
	if end := endsAt.FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	for _, m := range anyFlag.FindAllStringSubmatch(rest, -1) {
		if !slices.Contains(flags, m[1]) {
			t.Errorf("%s: rehome %s has no --%s: %s", path, name, m[1], line)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

// TestDocsLinks wants links between pages to lead somewhere.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	pages := docs(t)
	for _, path := range slices.Sorted(maps.Keys(pages)) {
		for _, m := range link.FindAllStringSubmatch(pages[path], -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
