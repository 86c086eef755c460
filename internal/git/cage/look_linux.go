package cage

// surroundings says what does not depend on git.
func surroundings() (a Around) {
	a.On = []string{"memory, processor and file limits", "end with the server"}
	if found().seccomp {
		a.On = append(a.On, "no network (seccomp)")
	} else {
		a.Off = append(a.Off, "no network: needs a kernel with seccomp filters, on amd64 or arm64")
	}
	return a
}

func (a *Around) sayFiles() {
	switch {
	case found().landlock == 0:
		a.Off = append(a.Off, "no other files: needs Landlock (Linux 5.19, landlock in /sys/kernel/security/lsm, a container that allows it)")
	case a.Files == Own:
		a.On = append(a.On, "no other files (Landlock)")
	case a.Files == ReadAll:
		a.On = append(a.On, "no other files to write (Landlock)")
		a.Off = append(a.Off, "no other files to read: git needs some outside of its own folders and the system's")
	default:
		a.Off = append(a.Off, "no other files: git does not run under Landlock here")
	}
}
