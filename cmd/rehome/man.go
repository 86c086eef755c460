package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (m *Main) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for each command into a folder",
		Long: "Write a manual page for each command into a folder, as rehome.1, rehome-import.1 and so on. The folder is made if it is\n" +
			"missing; man finds those in ~/.local/share/man/man1. The pages are the same each time; with SOURCE_DATE_EPOCH (seconds) they have its date.",
		Args: needs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := manDate(m.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the folder for manual pages: %w", err)
			}
			return writeMan(args[0], date, cmd.Root())
		},
	}
}

// manDate is the date of manual pages; none is "".
func manDate(epoch string) (string, error) {
	if epoch == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return "", usagef("Give seconds since 1970, or unset it.", "SOURCE_DATE_EPOCH %q is no number", epoch)
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

// writeMan writes the pages of a command and of those below it.
func writeMan(dir, date string, cmd *cobra.Command) error {
	if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
		return nil
	}
	file := filepath.Join(dir, pageOf(cmd)+".1")
	if err := os.WriteFile(file, manPage(cmd, date), 0o644); err != nil {
		return fmt.Errorf("write a manual page: %w", err)
	}
	for _, sub := range cmd.Commands() {
		if err := writeMan(dir, date, sub); err != nil {
			return err
		}
	}
	return nil
}

// pageOf is the name of a command's page.
func pageOf(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is the page of a command, in the macros of man(7).
func manPage(cmd *cobra.Command, date string) []byte {
	cmd.InitDefaultHelpFlag()
	var p page
	p.line(".TH %s 1 %s %s %s", roffWord(strings.ToUpper(pageOf(cmd))), roffWord(date), roffWord("rehome "+version), roffWord("Rehome"))
	p.line(".nh\n.ad l") // names of flags and variables stay whole
	p.section("NAME")
	p.line("%s \\- %s", roff(pageOf(cmd)), roff(strings.TrimSuffix(cmd.Short, ".")))
	p.section("SYNOPSIS")
	p.line("%s", bold(cmd.UseLine()))
	p.section("DESCRIPTION")
	p.text(cmd.Long)
	if cmd.Long == "" {
		p.text(strings.TrimSuffix(cmd.Short, ".") + ".")
	}
	p.commands(cmd)
	p.flags(cmd.Flags())
	p.section("ENVIRONMENT")
	p.text("Every flag can also be given in the environment: --max-refs as REHOME_MAX_REFS. NO_COLOR turns colours off, TERM=dumb bars, too.")
	p.section("EXIT STATUS")
	for _, exit := range []struct{ code, says string }{
		{"0", "Done."},
		{"1", "Failed. Standard error says what happened, and what to do."},
		{"2", "Wrong usage."},
		{"3", "Done, but something could not be carried, or was damaged before, and is listed."},
		{"130", "Interrupted."},
	} {
		p.term(bold(exit.code), exit.says)
	}
	p.section("SEE ALSO")
	p.line("%s", strings.Join(related(cmd), ", "))
	return p.Bytes()
}

// related are the pages of the command above and of those below, else beside it.
func related(cmd *cobra.Command) (all []string) {
	add := func(c *cobra.Command) { all = append(all, bold(pageOf(c))+"(1)") }
	around := cmd
	if cmd.HasParent() {
		add(cmd.Parent())
		if !cmd.HasAvailableSubCommands() {
			around = cmd.Parent()
		}
	}
	for _, c := range around.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c != cmd {
			add(c)
		}
	}
	return all
}

// page is a manual page in the making.
type page struct{ bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) section(title string) { p.line(".SH %s", roffWord(title)) }

// term writes a word that is already in roff, with what it means.
func (p *page) term(word, means string) {
	p.line(".TP\n%s", word)
	p.line("%s", roff(means))
}

// text writes paragraphs that empty lines divide. Lines that are indented stay as they are.
func (p *page) text(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		p.line(".PP")
		literal := false
		for line := range strings.SplitSeq(paragraph, "\n") {
			if indented := strings.HasPrefix(line, "    "); indented != literal {
				p.line("%s", map[bool]string{true: ".nf", false: ".fi"}[indented])
				literal = indented
			}
			p.line("%s", roff(line))
		}
		if literal {
			p.line(".fi")
		}
	}
}

func (p *page) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	p.section("COMMANDS")
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			p.term(bold(pageOf(sub))+"(1)", strings.TrimSuffix(sub.Short, ".")+".")
		}
	}
}

func (p *page) flags(flags *pflag.FlagSet) {
	p.section("OPTIONS")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		word := bold("--" + f.Name)
		if f.Shorthand != "" {
			word = bold("-"+f.Shorthand) + ", " + word
		}
		if value != "" {
			word += " \\fI" + roff(value) + "\\fR"
		}
		if usage != "" {
			usage = strings.ToUpper(usage[:1]) + usage[1:]
		}
		if usual := f.DefValue; usual != "" && usual != "false" && usual != "0" && usual != "[]" && !strings.Contains(usage, "(default") {
			usage += fmt.Sprintf(" (default %s)", usual)
		}
		p.term(word, usage+".")
	})
}

func bold(text string) string { return "\\fB" + roff(text) + "\\fR" }

// roff writes a line of text so that it means itself in roff: what has a meaning there, or becomes another character in
// print, and what is not ASCII, gets its escape.
func roff(text string) string {
	var b strings.Builder
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		b.WriteString("\\&") // no request
	}
	for _, r := range text {
		switch escape := escapes[r]; {
		case escape != "":
			b.WriteString(escape)
		case r < ' ' || r == 0x7f:
			b.WriteByte(' ')
		case r > 0x7f:
			fmt.Fprintf(&b, "\\[u%04X]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var escapes = map[rune]string{'\\': "\\e", '-': "\\-", '\'': "\\(aq", '`': "\\(ga", '^': "\\(ha", '~': "\\(ti", '"': "\\(dq"}

// roffWord is roff for one argument of a request.
func roffWord(text string) string { return "\"" + roff(text) + "\"" }
