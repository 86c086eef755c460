package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rehome"
)

func (m *Main) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "List or remove what moves and batches have kept to go on with",
		Long: "List or remove what moves and batches have kept to go on with.\n\n" +
			"rehome import to a URL keeps its finished steps until the move is done; with --state DIR, for the next run. rehome batch keeps\n" +
			"which rows are done. Without --state all of that is in $XDG_STATE_HOME/rehome, else ~/.local/state/rehome.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(m.stateListCommand(), m.stateRemoveCommand())
	return cmd
}

func (m *Main) stateListCommand() *cobra.Command {
	var (
		dir    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is kept, with what it is for and how much disk it takes",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := m.allKept(dir)
			if err != nil {
				return err
			}
			return m.printKept(all, dir, asJSON)
		},
	}
	cmd.Flags().StringVar(&dir, "state", "", "the `DIR` that was given as --state")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printKept lists what is kept in a state folder; "" is the usual one.
func (m *Main) printKept(all []kept, given string, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(printable{m.Stdout})
		out.SetEscapeHTML(false)
		return out.Encode(all)
	}
	if len(all) == 0 {
		return m.sayNothingKept(given)
	}
	out := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tLAST USED\tSIZE\tFOR")
	for _, k := range all {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", rehome.Clean(k.ID, 300), k.Used.Format(time.DateTime), bytesText(k.Size), k.what())
	}
	return out.Flush()
}

// sayNothingKept says where nothing is, since most moves name a folder of their own.
func (m *Main) sayNothingKept(given string) error {
	dir, err := m.stateFolder(given)
	if err != nil {
		return err
	}
	said := "nothing is kept in " + rehome.Clean(dir, 1000)
	if given == "" {
		said += "; what was kept with --state DIR is listed with it, too: rehome state list --state DIR"
	}
	fmt.Fprintln(m.Stderr, said)
	return nil
}

// what is what it is kept for.
func (k *kept) what() string {
	if k.Batch != "" {
		return rehome.Clean("batch "+k.Batch, 600)
	}
	return rehome.Clean(k.Source+" -> "+k.Destination, 600)
}

func (m *Main) stateRemoveCommand() *cobra.Command {
	var (
		dir string
		all bool
	)
	cmd := &cobra.Command{
		Use:   "remove ID…",
		Short: "Remove what is kept; such a move or batch begins anew when it is run again",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return usagef("rehome state list shows the ids.", "give ids, or --all")
			}
			return m.removeKept(dir, ids)
		},
	}
	cmd.Flags().StringVar(&dir, "state", "", "the `DIR` that was given as --state")
	cmd.Flags().BoolVar(&all, "all", false, "remove everything that is kept")
	return cmd
}

// removeKept removes what has these ids, or all where there are none.
func (m *Main) removeKept(dir string, ids []string) error {
	there, err := m.allKept(dir)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(there, func(k kept) bool { return k.ID == id }) {
			return usagef("rehome state list shows the ids.", "nothing is kept with the id %q", id)
		}
	}
	for _, k := range there {
		if len(ids) > 0 && !slices.Contains(ids, k.ID) {
			continue
		}
		if err := k.remove(); err != nil {
			return err
		}
	}
	return nil
}
