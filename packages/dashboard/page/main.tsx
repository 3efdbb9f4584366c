import { render } from 'preact';
import { Connection } from './browser/connection.ts';
import { Store } from './browser/store.ts';
import { showTheme, themeChoice } from './browser/theme.ts';
import { App } from './views/app.tsx';
import './style/base.css';
import './style/fleet.css';
import './style/views.css';

showTheme(themeChoice());
const store = new Store();
const connection = new Connection('./api/events', store);
render(<App store={store} connection={connection} />, document.querySelector('#page') as HTMLElement);
connection.start();
