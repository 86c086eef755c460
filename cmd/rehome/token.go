package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/store"
)

func (m *Main) tokenCommand() *cobra.Command {
	var places placesFlags
	cmd := &cobra.Command{Use: "token", Short: "Make, list and revoke the tokens clients sign in with", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	places.add(cmd.PersistentFlags())
	cmd.AddCommand(m.tokenCreateCommand(&places), m.tokenListCommand(&places), m.tokenRevokeCommand(&places))
	return cmd
}

const aboutTokens = `Make a token and print it, this once.

A token stands for its user and for the organisations it acts for, an administrator's for
everybody. What it may do there is up to its scopes:

  repo             see private repositories, and change them: create, import, map, push, delete;
                   the webhooks of repositories, too
  admin:repo_hook  webhooks of repositories, and nothing else of them
  admin:org_hook   webhooks of organisations; an administrator's token needs it as well

What is public can be read with any token, and without one. Webhooks tell of private
repositories, too: who may keep them learns which there are and how their imports end.`

func (m *Main) tokenCreateCommand(places *placesFlags) *cobra.Command {
	var grant auth.Grant
	cmd := &cobra.Command{
		Use:   "create --user LOGIN",
		Short: "Make a token and print it, this once",
		Long:  aboutTokens,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if grant.User == "" {
				return usagef("Name the user the token signs in: --user LOGIN.", "--user is missing")
			}
			if cmd.Flags().Changed("scopes") && len(grant.Scopes) == 0 {
				return usagef("Leave --scopes out for a token with all of them.", "--scopes names none")
			}
			if _, err := os.Stat(places.dir.database()); errors.Is(err, fs.ErrNotExist) && places.database == "" {
				fmt.Fprintf(m.Stderr, "there is no server's data in %q yet: this makes it; --data names another folder\n", string(places.dir))
			}
			if err := places.check(); err != nil {
				return err
			}
			if places.database == "" {
				if err := places.dir.make(); err != nil {
					return err
				}
			}
			db, err := store.Open(cmd.Context(), places.rows())
			if err != nil {
				return err
			}
			defer db.Close()
			token, secret, err := auth.New(db).Issue(cmd.Context(), grant)
			if err != nil {
				return err
			}
			fmt.Fprintf(m.Stderr, "token %d of %s; it is not shown again:\n", token.ID, token.User.Login)
			_, err = fmt.Fprintln(m.Stdout, string(secret))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&grant.User, "user", "", "login of the user; made when missing")
	flags.StringSliceVar(&grant.Owners, "owners", nil, "organisations the token acts for besides its user; made when missing")
	flags.StringSliceVar(&grant.Scopes, "scopes", nil, "scopes of the token: "+strings.Join(auth.Scopes(), ", ")+"; all when not given")
	flags.StringVar(&grant.Note, "note", "", "what the token is for, shown in lists")
	flags.BoolVar(&grant.Admin, "admin", false, "make the user an administrator, who acts for every owner")
	return cmd
}

func (m *Main) tokenListCommand(places *placesFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the tokens, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDatabase(cmd.Context(), places, func(ctx context.Context, db *store.DB) error {
				tokens, err := db.Tokens(ctx)
				if err != nil {
					return err
				}
				return m.printTokens(tokens)
			})
		},
	}
}

func (m *Main) printTokens(tokens []rehome.Token) error {
	table := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSER\tOWNERS\tSCOPES\tCREATED\tSTATE\tUSED\tMADE BY\tNOTE")
	for _, t := range tokens {
		state := "active"
		if !t.RevokedAt.IsZero() {
			state = "revoked " + t.RevokedAt.UTC().Format(time.DateOnly)
		}
		user := t.User.Login
		if t.User.Admin {
			user += " (admin)"
		}
		used, by := "never", "-"
		if !t.UsedAt.IsZero() {
			used = t.UsedAt.UTC().Format(time.DateOnly)
		}
		if t.MadeBy != 0 {
			by = strconv.FormatInt(t.MadeBy, 10)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			t.ID, user, list(t.Owners), list(t.Scopes), t.CreatedAt.UTC().Format(time.DateOnly), state, used, by, cmp.Or(t.Note, "-"))
	}
	return table.Flush()
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ",")
}

func (m *Main) tokenRevokeCommand(places *placesFlags) *cobra.Command {
	var withMade bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Stop a token from working, at once",
		Long: `Stop a token from working, at once; browsers that signed in with it are signed out.

Whoever has a token can make others with it on the pages, which go on working. Revoke those,
too, with --with-made, as you should for a token that may be in wrong hands.`,
		Args: needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("Take the number from rehome token list.", "%q is not the number of a token", args[0])
			}
			return withDatabase(cmd.Context(), places, func(ctx context.Context, db *store.DB) error {
				text, err := revoke(ctx, db, id, withMade)
				if rehome.CodeOf(err) == rehome.NotFound {
					return &rehome.Error{Code: rehome.NotFound, Message: fmt.Sprintf("there is no token %d", id), Hint: "rehome token list shows the numbers."}
				}
				if err == nil {
					_, err = fmt.Fprint(m.Stdout, text)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&withMade, "with-made", false, "also the tokens that were made with it, and with those")
	return cmd
}

// revoke revokes a token, and says what became of those that were made with it.
func revoke(ctx context.Context, db *store.DB, id int64, withMade bool) (text string, err error) {
	if text = fmt.Sprintf("token %d is revoked\n", id); !withMade {
		if err := db.RevokeToken(ctx, id); err != nil {
			return "", err
		}
		left, err := db.TokensMade(ctx, id)
		if len(left) > 0 {
			text += fmt.Sprintf("%d made with it still work; --with-made revokes them, too\n", len(left))
		}
		return text, err
	}
	made, err := db.RevokeTokenWithMade(ctx, id)
	return text + fmt.Sprintf("%d made with it are revoked\n", made), err
}

func withDatabase(ctx context.Context, places *placesFlags, do func(context.Context, *store.DB) error) error {
	db, err := places.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db)
}
