package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/mailmap"
	"rehome/internal/source/git"
)

func (m *Main) authorsCommand() *cobra.Command {
	var (
		user   string
		asJSON bool
		ssh    sshFlags
	)
	cmd := &cobra.Command{
		Use:   "authors SOURCE",
		Short: "List everybody in a history, as an author map to fill in",
		Long: "List everybody in a history (authors, committers, taggers), as an author map to fill in: a mailmap of lines\n" +
			"`Name <mail> Name <mail>`, whoever has most commits first. Change the first half of a line and give the file to\n" +
			"rehome import --authors. Left as it is, it changes nothing. Those whom no line can stand for are comments in it.\n\n" +
			"Of a URL only commits and tags are fetched where its server can leave out the rest; a path is read where it is.",
		Args: needs("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := m.location(cmd.Context(), args[0], user, ssh)
			if err != nil {
				return err
			}
			reader, err := m.ownMachineGit(ssh, m.note)
			if err != nil {
				return err
			}
			people, err := importer.Contributors(cmd.Context(), reader, l, git.LeftByRule)
			if err != nil {
				return inOwnWords(err, l)
			}
			return m.printAuthors(people, asJSON)
		},
	}
	cmd.Flags().StringVar(&user, "source-user", "", "user name at the source; the password comes from REHOME_SOURCE_PASSWORD or a prompt")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	ssh.add(cmd.Flags())
	return cmd
}

func (m *Main) printAuthors(people []rehome.Contributor, asJSON bool) error {
	if asJSON {
		if people == nil {
			people = []rehome.Contributor{}
		}
		out := json.NewEncoder(printable{m.Stdout})
		out.SetEscapeHTML(false)
		return out.Encode(people)
	}
	ids := make([]rehome.Identity, len(people))
	for n, p := range people {
		ids[n] = p.Identity()
	}
	return mailmap.Write(m.Stdout, ids, func(n int) string { return counted(people[n].Commits, "commit") })
}

// counted writes a number of things.
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
