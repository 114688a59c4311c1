/** proxy-chain as it comes. `node proxy-chain.ts PORT`, where `npm install --no-save proxy-chain` has been run. */
const name = 'proxy-chain' // not among the dependencies: the name is not one that the compiler could look up
const { Server } = (await import(name)) as { Server: new (options: object) => { listen(): Promise<void> } }
await new Server({ port: Number(process.argv[2]), host: '127.0.0.1', verbose: false }).listen()
