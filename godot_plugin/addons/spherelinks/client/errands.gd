## Short errands on threads, whose outcomes are handed over on the main thread.
@tool
extends RefCounted

const Failure := preload("failure.gd")

var _under_way: Array[Errand] = []


class Errand:
	extends RefCounted
	var thread := Thread.new()
	var work: Callable
	var then: Callable
	## A Failure until it is known better: what breaks off must not be waited for without end.
	var outcome: Variant = Failure.new("internal_error", "An errand broke off.")

	func run() -> void:
		outcome = work.call()


## Do `work` on a thread; `drain` then calls `then` with what it returned, which may be a Failure.
func run(work: Callable, then: Callable) -> void:
	var errand := Errand.new()
	errand.work = work
	errand.then = then
	_under_way.append(errand)
	errand.thread.start(errand.run)


## Hand over what is done; whether there was anything.
func drain() -> bool:
	var done := _under_way.filter(func(each: Errand) -> bool: return not each.thread.is_alive())
	for errand: Errand in done:
		errand.thread.wait_to_finish()
		_under_way.erase(errand)
		errand.then.call(errand.outcome)
	return not done.is_empty()


func is_busy() -> bool:
	return not _under_way.is_empty()


## Wait for the errands under way, and forget their outcomes.
func stop() -> void:
	for errand in _under_way:
		errand.thread.wait_to_finish()
	_under_way.clear()
