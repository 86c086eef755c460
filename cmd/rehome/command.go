package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is the release; commit is set when linking.
const version = "0.1.0"

var commit string

func (m *Main) command() *cobra.Command {
	root := &cobra.Command{
		Use:     "rehome",
		Version: version,
		Short:   "Rehome moves a repository to a new home with its history, authors and large files intact.",
		Long: "Rehome moves a repository to a new home with its history, authors and large files intact.\n\n" +
			"Every flag can also be given in the environment: --max-refs as REHOME_MAX_REFS.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return m.flagsFromEnvironment(cmd.Flags()) },
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("rehome {{.Version}}\n")
	root.AddCommand(m.importCommand(), m.batchCommand(), m.verifyCommand(), m.inspectCommand(), m.authorsCommand(), m.detectCommand(), m.carryCommand(), m.stateCommand(), m.serveCommand(), m.tokenCommand(), m.backupCommand(), m.restoreCommand(), m.checkCommand(), m.adoptCommand(), m.completionCommand(), m.manCommand(), m.versionCommand())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("See "+cmd.CommandPath()+" --help for its flags.", "%w", inPlainWords(err))
	})
	completed(root, m.arguments())
	refuseAsUsage(root)
	return root
}

// inPlainWords says of a number that is none no more than that.
func inPlainWords(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) || !errors.Is(err, strconv.ErrSyntax) && !errors.Is(err, strconv.ErrRange) {
		return err
	}
	switch f := bad.GetFlag(); f.Value.Type() {
	case "int", "int64":
		return fmt.Errorf("--%s takes a number, not %q", f.Name, bad.GetValue())
	case "bool":
		return fmt.Errorf("--%s is true or false, not %q", f.Name, bad.GetValue())
	}
	return err
}

// wrongCall says how a command wants to be called. A word that is no command may be meant for one.
func wrongCall(cmd *cobra.Command, args []string) string {
	if !cmd.HasAvailableSubCommands() || len(args) == 0 {
		return "Call it as: " + cmd.UseLine()
	}
	hint := cmd.CommandPath() + " --help lists the commands."
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("Did you mean %s %s? %s", cmd.CommandPath(), strings.Join(near, " or "), hint)
	}
	return hint
}

// needs wants one argument for each name.
func needs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// refuseAsUsage makes a wrong number of arguments, or an unknown command, end with the usage exit code.
func refuseAsUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef(wrongCall(cmd, args), "%w", err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		refuseAsUsage(sub)
	}
}

func (m *Main) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := "rehome " + version
			if commit != "" {
				text += " (" + commit + ")"
			}
			_, err := fmt.Fprintln(m.Stdout, text)
			return err
		},
	}
}

// flagsFromEnvironment sets each flag that the command line left alone from REHOME_ and its name.
func (m *Main) flagsFromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "REHOME_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := m.Getenv(name)
		if f.Changed && hasPassword(f.Value.String()) {
			m.note(fmt.Sprintf("warning: whoever lists this machine's processes sees the password in --%s; give it as %s", f.Name, name))
		}
		if f.Changed || value == "" || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, usagef("Correct the environment variable, or unset it.", "%s: %w", name, inPlainWords(err)))
		}
	})
	return errors.Join(errs...)
}
