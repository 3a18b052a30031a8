// Reads long texts beside the window's thread.
import { Answerer, type Question } from './questions.ts';

const answerer = new Answerer();

self.onmessage = ({ data }: MessageEvent<{ readonly id: number; readonly question: Question }>): void => {
  self.postMessage({ id: data.id, answer: answerer.answer(data.question) });
};
