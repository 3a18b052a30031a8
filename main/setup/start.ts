// `npm start`: runs the gallery's first experiment on the command line and shows the result.
console.log('nothing to start yet');
