package api

import "context"

func (a *API) hooks(context.Context, *call) (answer, error)      { return answer{}, errNotFound }
func (a *API) createHook(context.Context, *call) (answer, error) { return answer{}, errNotFound }
func (a *API) hook(context.Context, *call) (answer, error)       { return answer{}, errNotFound }
func (a *API) editHook(context.Context, *call) (answer, error)   { return answer{}, errNotFound }
func (a *API) deleteHook(context.Context, *call) (answer, error) { return answer{}, errNotFound }
func (a *API) pingHook(context.Context, *call) (answer, error)   { return answer{}, errNotFound }
