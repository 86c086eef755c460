package hostile

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"

	"rehome"
)

// otherWays are servers of SSH and git://.
func otherWays() []Case {
	return slices.Concat(sshServers(), daemons())
}

func sshServers() (all []Case) {
	for name, c := range map[string]struct{ first, more string }{
		"a banner without end":       {"", "welcome \x1b[2J\r\n"},
		"a banner line without end":  {"", "welcome "},
		"a version without end":      {"SSH-2.0-", "xxxxxxxx"},
		"zeros":                      {"SSH-2.0-x\r\n", "\x00\x00\x00\x00"},
		"a packet of four gigabytes": {"SSH-2.0-x\r\n", "\xff\xff\xff\xff"},
	} {
		all = append(all, listened("SSH: "+name, "hostile SSH servers", "ssh", nothing, func(conn net.Conn) { pour(conn, c.first, c.more) }))
	}
	return append(all, impatient(listened("SSH: silence", "a server that hangs", "ssh", unreachable, func(conn net.Conn) {
		io.Copy(io.Discard, conn) //nolint:errcheck
	})))
}

func daemons() (all []Case) {
	greeted := func(talk func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			bufio.NewReader(conn).ReadByte() //nolint:errcheck // what is asked for does not matter
			talk(conn)
		}
	}
	for name, c := range map[string]struct {
		words string
		want  Outcome
	}{
		"HTTP":                {"HTTP/1.1 400 Bad Request\r\n\r\n", nothing},
		"nothing":             {"", unreachable},
		"a refusal":           {lines("ERR access denied \x1b[2J\x07"), nothing},
		"half a line":         {"00", unreachable},
		"a line too long":     {"ffff" + strings.Repeat("x", 70_000), nothing},
		"a shallow history":   {lines(absent+" HEAD\x00x", "shallow "+absent) + "0000", Outcome{Code: rehome.SourceShallow}},
		"capabilities":        {lines("version 2") + strings.Repeat(lines("x"), 2000), Outcome{Code: rehome.LimitPassed}},
		"version 2, no fetch": {lines("version 2", "ls-refs") + "0000", nothing},
	} {
		all = append(all, listened("git://: "+name, "hostile daemons", "git", c.want, greeted(func(conn net.Conn) {
			io.WriteString(conn, c.words) //nolint:errcheck
		})))
	}
	return append(
		all,
		listened("git://: refs without end", "streams without end", "git", Outcome{Code: rehome.LimitPassed}, greeted(func(conn net.Conn) {
			pour(conn, lines(absent+" HEAD\x00x"), lines(absent+" refs/heads/a"))
		})),
		impatient(listened("git://: silence", "a server that hangs", "git", unreachable, greeted(func(conn net.Conn) {
			io.Copy(io.Discard, conn) //nolint:errcheck
		}))),
	)
}
