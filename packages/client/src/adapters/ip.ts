export { isIP as ipVersion } from 'node:net';
