// Where the window begins: connects to its host, then shows the app.
import '../main/contract/noEval.ts';
import { mount } from 'svelte';
import App from './app/App.svelte';
import { connect } from './app/host.svelte.ts';
import { followTheme } from './app/theme.svelte.ts';
import './style/base.css';

followTheme();
connect();
const place = document.querySelector('#app');
if (place !== null) mount(App, { target: place });
