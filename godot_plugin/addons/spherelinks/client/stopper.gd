## Tells threads that nobody waits for them any more.
@tool
extends RefCounted

var asked := false


## Wait, but no longer than until it is asked for; whether it was.
func wait(seconds: float) -> bool:
	var until := Time.get_ticks_msec() + int(seconds * 1000)
	while not asked and Time.get_ticks_msec() < until:
		OS.delay_msec(mini(20, maxi(1, until - Time.get_ticks_msec())))
	return asked
