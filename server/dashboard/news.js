/*
 * news - whoever wants to hear of something: listen(function) returns what ends the listening.
 *
 * onFirst and onLast tell the source when there is an audience, so that nothing is fetched for
 * nobody.
 */
export class News {
	#listeners = new Set();
	#onFirst;
	#onLast;

	constructor({ onFirst = null, onLast = null } = {}) {
		this.#onFirst = onFirst;
		this.#onLast = onLast;
	}

	get hasListeners() {
		return this.#listeners.size > 0;
	}

	listen(listener) {
		this.#listeners.add(listener);
		if (this.#listeners.size === 1)
			this.#onFirst?.();
		return () => {
			if (this.#listeners.delete(listener) && this.#listeners.size === 0)
				this.#onLast?.();
		};
	}

	tell(what) {
		for (const listener of [...this.#listeners])
			listener(what);
	}
}
