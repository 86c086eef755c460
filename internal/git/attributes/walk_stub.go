package attributes

// State is replaced by the real one (this file goes away with it).
type State uint32

func (p *Patterns) Start() State                   { return 0 }
func (p *Patterns) Enter(s State, f []byte) State  { return 0 }
func (p *Patterns) Matches(s State, f []byte) bool { return false }
func (p *Patterns) Match(f []byte) bool            { return false }
func (p *Patterns) MayMatch(f []byte) bool         { return false }
func (p *Patterns) Anchored() bool                 { return false }
func (p *Patterns) String() string                 { return "" }
