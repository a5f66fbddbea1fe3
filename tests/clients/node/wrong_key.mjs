// A client whose key is not that of the server.
import { Call } from './call.mjs';
import { tell } from './options.mjs';

const call = new Call();
const refused = call.next('error');
const left = new Promise((resolve) => call.transport.on('disconnected', resolve));
// Whether the refusal comes before the SDK calls itself connected is a matter of luck.
await call.connect().catch((error) => tell({ unconnected: error.message }));
await Promise.all([refused, left]);
tell({ errors: call.errors, status: call.transport.status });
