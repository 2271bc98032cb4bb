/*
 * painter - draws what has changed, a little in each frame, so that the page stays fluid however
 * much changes at once.
 *
 *     const painter = new Painter((key) => draw(key));
 *     painter.mark(key);          // as often as you like: drawn once
 */
const FRAME_MS = 6;

export class Painter {
	#dirty = new Set();
	#draw;
	#frame = 0;

	constructor(draw) {
		this.#draw = draw;
	}

	mark(key) {
		this.#dirty.add(key);
		if (this.#frame === 0)
			this.#frame = requestAnimationFrame(() => this.#paint());
	}

	stop() {
		cancelAnimationFrame(this.#frame);
		this.#frame = 0;
		this.#dirty.clear();
	}

	#paint() {
		const until = performance.now() + FRAME_MS;
		for (const key of this.#dirty) {
			this.#dirty.delete(key);
			this.#draw(key);
			if (performance.now() > until)
				break;
		}
		this.#frame = this.#dirty.size > 0 ? requestAnimationFrame(() => this.#paint()) : 0;
	}
}
