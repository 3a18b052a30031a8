console.log('no commands yet', process.argv.slice(2));
