package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells are those that can complete, with how a completion gets there and what writes it.
var shells = []struct {
	name, into string
	write      func(root *cobra.Command, out io.Writer, about bool) error
}{
	{"bash", "~/.local/share/bash-completion/completions/rehome", (*cobra.Command).GenBashCompletionV2},
	{"zsh", "a file _rehome in a folder of $fpath", func(root *cobra.Command, out io.Writer, about bool) error {
		if about {
			return root.GenZshCompletion(out)
		}
		return root.GenZshCompletionNoDesc(out)
	}},
	{"fish", "~/.config/fish/completions/rehome.fish", (*cobra.Command).GenFishCompletion},
	{"powershell", "a file that $PROFILE reads", func(root *cobra.Command, out io.Writer, about bool) error {
		if about {
			return root.GenPowerShellCompletionWithDesc(out)
		}
		return root.GenPowerShellCompletion(out)
	}},
}

func (m *Main) completionCommand() *cobra.Command {
	bare := false
	var names, places []string
	for _, shell := range shells {
		names = append(names, shell.name)
		places = append(places, fmt.Sprintf("    rehome completion %-10s into %s", shell.name, shell.into))
	}
	cmd := &cobra.Command{
		Use:       "completion " + strings.Join(names, "|"),
		Short:     "Print what a shell needs to complete commands, flags and their values",
		Long:      "Print what a shell needs to complete commands, flags and their values. Write it to where the shell looks for such:\n\n" + strings.Join(places, "\n") + "\n\nThe next shell that is started has it. bash wants the package bash-completion, too.",
		ValidArgs: names,
		Args:      needs("SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, shell := range shells {
				if shell.name == args[0] {
					return shell.write(cmd.Root(), m.Stdout, !bare)
				}
			}
			return usagef("Give bash, zsh, fish or powershell.", "%q is no shell that completions are for", args[0])
		},
	}
	cmd.Flags().BoolVar(&bare, "no-descriptions", false, "complete without saying what the words mean")
	return cmd
}

// values are what a flag can be, by its name. Those that name their values in their usage, as `text|json`, are not here.
var values = map[string][]string{
	"vcs":           {"git"},
	"verify":        {"refs\tevery ref", "objects\tevery object", "bytes\tevery byte"},
	"large-files":   {"keep\tthey stay", "lfs\tthey become Git LFS objects", "remove\tthey leave history"},
	"on-divergence": {"stop\tthe import fails", "skip\tsuch refs stay", "overwrite\told tips are kept below refs/rehome/kept/"},
	"visibility":    {"private", "internal", "public"},
	"scopes":        {"repo", "admin:repo_hook", "admin:org_hook"},
	"log-level":     {"debug", "info", "warn", "error"},
}

// arguments says what the arguments of a command are, by its path without the program.
func (m *Main) arguments() map[string]cobra.CompletionFunc {
	folders := cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	files := cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	return map[string]cobra.CompletionFunc{
		"import": folders, "inspect": folders, "authors": folders, "detect": folders, "verify": folders,
		"backup": folders, "restore": folders, "man": folders,
		"batch": files, "carry": files, "state remove": m.keptIDs,
	}
}

// completed has flags and arguments of a command, and those below it, completed: known values, else files or folders
// where that is what they name, else nothing.
func completed(cmd *cobra.Command, arguments map[string]cobra.CompletionFunc) {
	path := strings.TrimPrefix(cmd.CommandPath(), "rehome ")
	if cmd.ValidArgs == nil {
		if cmd.ValidArgsFunction = arguments[path]; cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		cmd.RegisterFlagCompletionFunc(f.Name, valuesOfFlag(f)) //nolint:errcheck // the flag is there, and no other has its place
	})
	for _, sub := range cmd.Commands() {
		completed(sub, arguments)
	}
}

func valuesOfFlag(f *pflag.Flag) cobra.CompletionFunc {
	name, _ := pflag.UnquoteUsage(f)
	switch known := values[f.Name]; {
	case known != nil:
		return cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)
	case strings.Contains(name, "|"):
		return cobra.FixedCompletions(strings.Split(name, "|"), cobra.ShellCompDirectiveNoFileComp)
	case name == "FILE", f.Name == "key-file":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	case name == "DIR", f.Name == "data":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return cobra.NoFileCompletions
}

// keptIDs completes the ids of what is kept, with what it is for.
func (m *Main) keptIDs(cmd *cobra.Command, given []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
	dir, _ := cmd.Flags().GetString("state")
	all, err := m.allKept(dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	for _, k := range all {
		ids = append(ids, k.ID+"\t"+k.what())
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
