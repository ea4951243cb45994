/** vitest's `test`, with a {@link Scene} of its own that ends with it. */
import { test as plain } from 'vitest'
import { Scene } from './scene.ts'

export const test = plain.extend<{ scene: Scene }>({
  scene: async ({ onTestFailed }, use) => {
    const scene = new Scene()
    onTestFailed(() => console.error(scene.story))
    await use(scene)
    await scene.close()
  },
})
