import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp } from '../../src/app/sim/http.ts'
import { describeHttp } from './http.ts'

describeHttp('an exchange in virtual time', () => {
  const clock = new SimClock()
  const http = new SimHttp(clock)
  const address = '10.0.0.1'
  const pass = async (): Promise<void> => clock.runUntil(clock.now() + 60_000)
  return {
    http,
    address,
    async serve(answer) {
      http.serve(address, 80, () => answer)
      return 80
    },
    deadPort: async () => 81,
    until: pass,
    settle: pass,
    end() {},
  }
})
